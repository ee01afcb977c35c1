-- Prelude: who holds a user's seats.

-- The records of a user's seats; one whose record is gone, or damaged, has no state and only waits to be unlisted: no
-- check accepts it, and its user must not be locked out by it.
local function seats_of(user)
  local seats = {}
  local entries = redis.call('ZRANGEBYLEX', SEATS, '[' .. member(user, ''), '(' .. user .. '\1')
  for i = 1, #entries do
    local sid = entries[i]:sub(-16)
    local readable, r = pcall(decode, sid, redis.call('GET', PREFIX .. 's:' .. sid))
    seats[i] = readable and r or { sid = sid, user = user }
  end
  return seats
end
