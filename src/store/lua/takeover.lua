-- Prelude of login: what a takeover leaves behind; counting them in the running day and week (store/report.rs).

-- Victims and reasons as they lie in a record and in an event.
local function pack(victims)
  local packed = ''
  for _, r in ipairs(victims) do packed = packed .. r.sid .. string.char(r.why) end
  return packed
end

-- Where a login that ends these counts, or nil if it takes over from nobody; to be asked before the first write. The
-- keys are not among KEYS, for their names need Redis's clock; the login's own record is, and is never there yet, so
-- that no slot on the move lets a login begin.
local function counts_of(victims, day, last)
  local has_taken = false
  for _, r in ipairs(victims) do has_taken = has_taken or r.why == TAKEOVER end
  if not has_taken then return nil end
  local week = math.floor((day + 3) / 7)
  local counts = { day = PREFIX .. 'c:d' .. digits(day), week = PREFIX .. 'c:w' .. digits(week) }
  if last.counted_on ~= day then
    last.counted_on = day
    -- Two days after the day, two weeks after the week.
    counts.day_kept_until, counts.week_kept_until = (day + 3) * DAY_MS, (7 * week + 4 + 14) * DAY_MS
  end
  return counts
end

local function count_takeover(user, counts)
  redis.call('ZINCRBY', counts.day, '-1', user)
  redis.call('ZINCRBY', counts.week, '-1', user)
  if counts.day_kept_until then
    redis.call('PEXPIREAT', counts.day, digits(counts.day_kept_until))
    redis.call('PEXPIREAT', counts.week, digits(counts.week_kept_until))
  end
end
