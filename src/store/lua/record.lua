-- Prelude of every script but throttle: one record, its connections, and the nodes that renew.
-- Rules for all that follows it: every read comes before the first write, because a script that is caught by a
-- slot on the move must fail before it wrote anything; times are Redis's; a key that may come into being is among
-- KEYS.
-- KEYS of all: 1 seats, 2 due, 3 born, 4 nodes, 5 last, 6 log (store/keys.rs); ARGV is each script's own.
local SEATS, DUE, BORN, NODES, LAST, LOG = unpack(KEYS, 1, 6)
local PREFIX = SEATS:sub(1, -2)
local LIVE, TAKEOVER, REPLACED, DISABLED, EXPIRED, IDLE = 0, 1, 2, 4, 5, 6
local DAY_MS = 24 * 60 * 60 * 1000
local TOMBSTONE_MS = 7 * DAY_MS

-- Lua turns numbers above 14 digits into 1.8e+15 unless told otherwise.
local function digits(number) return string.format('%.0f', number) end

-- Now in milliseconds and in microseconds.
local function clock()
  local time = redis.call('TIME')
  local seconds, micros = tonumber(time[1]), tonumber(time[2])
  return seconds * 1000 + math.floor(micros / 1000), seconds * 1000000 + micros
end

-- Whether the caller has given up: whatever must not be done then is told a time to be done by; '' is none.
local function is_late(now, not_after) return not_after ~= '' and now > tonumber(not_after) end

-- The bytes are told in store/codec.rs.
local function decode(sid, raw)
  local r = { sid = sid, hash = raw:sub(43, 74) }
  local version, rest
  version, r.state, r.class, r.flags, r.generation, r.created, r.seen, r.absolute, r.idle, r.ended =
    struct.unpack('>BBBBI8I6I6I6I6I6', raw)
  if version ~= 1 then error('a record of version ' .. version) end
  r.device, r.user, r.by, r.presence, r.replaced, rest = struct.unpack('>Hc0Hc0Hc0Hc0Hc0', raw, 75)
  r.rest = raw:sub(rest)
  return r
end

local function encode(r)
  local parts = { struct.pack('>BBBBI8I6I6I6I6I6', 1, r.state, r.class, r.flags, r.generation, r.created, r.seen,
    r.absolute, r.idle, r.ended), r.hash }
  for _, field in ipairs({ r.device, r.user, r.by, r.presence, r.replaced }) do
    parts[#parts + 1] = struct.pack('>H', #field) .. field
  end
  parts[#parts + 1] = r.rest
  return table.concat(parts)
end

local function deadline(r) return math.min(r.absolute, r.seen + r.idle) end

-- Why it is over by its deadline alone, or nil; Session::lapsed in Rust.
local function lapsed(r, now)
  if r.absolute <= now then return EXPIRED end
  if deadline(r) <= now then return IDLE end
end

-- Answers the bytes that it wrote.
local function save(r)
  local raw = encode(r)
  local over = r.state == LIVE and deadline(r) or r.ended
  redis.call('SET', PREFIX .. 's:' .. r.sid, raw, 'PXAT', digits(over + TOMBSTONE_MS))
  return raw
end

-- A session's entry in SEATS and in DUE: with the user, so that it can be unlisted when its record is gone.
local function member(user, sid) return user .. '\0' .. sid end

local function data_of(r)
  return r.flags % 2 == 1 and redis.call('GET', PREFIX .. 'd:' .. r.sid)
end

-- The records of a user's seats; one whose record is gone, or damaged, has no state and only waits to be unlisted: no
-- check accepts it, and its user must not be locked out by it.
local function seats_of(user)
  local seats = {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', SEATS, '[' .. member(user, ''), '(' .. user .. '\1')) do
    local sid = member:sub(-16)
    local readable, r = pcall(decode, sid, redis.call('GET', PREFIX .. 's:' .. sid))
    seats[#seats + 1] = readable and r or { sid = sid, user = user }
  end
  return seats
end
