-- Prelude of login and restore: a session takes its place in the partition.

-- When what outlives its sessions expires; to be read before the first write.
local function read_expiries()
  return { indexes = redis.call('PEXPIRETIME', SEATS), last = redis.call('PEXPIRETIME', LAST) }
end

-- A day more than needed, so that it is not written with every login.
local function keep(key, expiry, kept_until)
  if expiry < kept_until then redis.call('PEXPIREAT', key, digits(kept_until + DAY_MS)) end
end

local function set_last(generation, expiries, kept_until)
  redis.call('SET', LAST, digits(generation), 'KEEPTTL')
  keep(LAST, expiries.last, kept_until)
end

-- Writes a live record with its data and lists it; answers its bytes. `last`: the highest generation given out.
local function seat(new, data_key, data, last, expiries)
  local kept_until = new.absolute + TOMBSTONE_MS
  local raw = save(new)
  if data ~= '' then redis.call('SET', data_key, data, 'PXAT', digits(kept_until)) end
  local entry = member(new.user, new.sid)
  redis.call('ZADD', SEATS, '0', entry)
  redis.call('ZADD', DUE, digits(deadline(new)), entry)
  redis.call('ZADD', BORN, digits(new.generation), new.sid)
  set_last(last, expiries, kept_until)
  for _, key in ipairs({ SEATS, DUE, BORN }) do keep(key, expiries.indexes, kept_until) end
  return raw
end

-- Live ones of a user's seats, and those that are over or have no record left.
local function holders_and_over(user, now)
  local holders, over = {}, {}
  for _, r in ipairs(seats_of(user)) do
    local list = (r.state == nil or lapsed(r, now)) and over or holders
    list[#list + 1] = r
  end
  return holders, over
end
