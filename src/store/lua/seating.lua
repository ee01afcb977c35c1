-- Prelude of login, restore and set_disabled: a session takes its place in the partition.

-- What LAST holds: the highest generation given out; until when the indexes are kept, wherever there are any; and on
-- which day (since the epoch) the log, and the counts of takeovers, were last given their expiry. So that a login neither
-- asks for expiries nor writes those that are long enough.
local LAST_SHAPE = '>I8I8I4I4'

local function read_last(raw)
  local generation, kept_until, logged_on, counted_on = 0, 0, 0, 0
  if raw and #raw == 24 then generation, kept_until, logged_on, counted_on = struct.unpack(LAST_SHAPE, raw) end
  return { generation = generation, kept_until = kept_until, logged_on = logged_on, counted_on = counted_on }
end

local function pack_last(last)
  return struct.pack(LAST_SHAPE, last.generation, last.kept_until, last.logged_on, last.counted_on)
end

-- Keeps it at least so long, and as long as the indexes.
local function write_last(last, kept_until)
  redis.call('SET', LAST, pack_last(last), 'PXAT', digits(math.max(last.kept_until, kept_until + DAY_MS)))
end

-- Writes a live record with its data and lists it; answers its bytes. `last.generation` is the highest given out by now.
local function seat(new, data_key, data, last, has_indexes)
  local kept_until = new.absolute + TOMBSTONE_MS
  local raw = save(new)
  if data ~= '' then redis.call('SET', data_key, data, 'PXAT', digits(kept_until)) end
  local entry = member(new.user, new.sid)
  redis.call('ZADD', SEATS, '0', entry)
  redis.call('ZADD', DUE, digits(deadline(new)), entry)
  redis.call('ZADD', BORN, digits(new.generation), new.sid)
  local is_kept = last.kept_until >= kept_until
  if is_kept then
    redis.call('SET', LAST, pack_last(last), 'KEEPTTL')
  else
    -- A day more than needed, so that it is not written with every login.
    last.kept_until = kept_until + DAY_MS
    redis.call('SET', LAST, pack_last(last), 'PXAT', digits(last.kept_until))
  end
  if not is_kept or not has_indexes then
    for _, key in ipairs({ SEATS, DUE, BORN }) do redis.call('PEXPIREAT', key, digits(last.kept_until)) end
  end
  return raw
end

-- Live ones of a user's seats, and those that are over or have no record left; and whether the indexes are there, which
-- come and go together, and come without an expiry.
local function holders_and_over(user, now)
  local holders, over, seats = {}, {}, seats_of(user)
  for _, r in ipairs(seats) do
    local list = (r.state == nil or lapsed(r, now)) and over or holders
    list[#list + 1] = r
  end
  return holders, over, #seats > 0 or redis.call('EXISTS', SEATS) == 1
end
