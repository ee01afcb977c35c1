-- Prelude of every script but throttle: one record, its connections, and the nodes that renew.
-- Rules for all that follows it: every read comes before the first write, because a script that is caught by a
-- slot on the move must fail before it wrote anything; times are Redis's; a key that may come into being is among
-- KEYS.
-- KEYS of all: 1 seats, 2 due, 3 born, 4 nodes, 5 last, 6 log (store/keys.rs); ARGV is each script's own.
local SEATS, DUE, BORN, NODES, LAST, LOG, PREFIX
local LIVE, TAKEOVER, REPLACED, DISABLED, EXPIRED, IDLE = 0, 1, 2, 4, 5, 6
local DAY_MS = 24 * 60 * 60 * 1000
local TOMBSTONE_MS = 7 * DAY_MS

-- The first thing that each does: preludes only define, and know no call.
local function begin(keys)
  SEATS, DUE, BORN, NODES, LAST, LOG = unpack(keys, 1, 6)
  PREFIX = SEATS:sub(1, -2)
end

-- Lua turns numbers above 14 digits into 1.8e+15 unless told otherwise, and Redis prints one that a command is given
-- with 17 digits, which costs more than the command: hence this, and constants as strings. A '%d' is a long of C, 64 bits
-- wide (a server of 32 is refused: redis/info.rs); '%.0f' would cost twice as much.
local function digits(number) return string.format('%d', number) end

-- Now in milliseconds and in microseconds.
local function clock()
  local time = redis.call('TIME')
  local seconds, micros = tonumber(time[1]), tonumber(time[2])
  return seconds * 1000 + math.floor(micros / 1000), seconds * 1000000 + micros
end

-- Whether the caller has given up: whatever must not be done then is told a time to be done by; '' is none.
local function is_late(now, not_after) return not_after ~= '' and now > tonumber(not_after) end

-- The bytes are told in store/codec.rs. What no script changes stays as it lies, before (`ids`) and behind (`tail`, from
-- what its login ended on) the two fields that they do change; and the table is made at once as large as it gets.
local HEADER = '>BBBBI8I6I6I6I6I6'

local function decode(sid, raw)
  local version, state, class, flags, generation, created, seen, absolute, idle, ended = struct.unpack(HEADER, raw)
  if version ~= 1 then error('a record of version ' .. version) end
  local device, user, by, presence = struct.unpack('>Hc0Hc0Hc0Hc0Hc0', raw, 75)
  local ids_end = 78 + #device + #user
  return { sid = sid, state = state, class = class, flags = flags, generation = generation, created = created,
    seen = seen, absolute = absolute, idle = idle, ended = ended, device = device, user = user, by = by,
    presence = presence, ids = raw:sub(43, ids_end), tail = raw:sub(ids_end + 5 + #by + #presence) }
end

local function encode(r)
  return struct.pack(HEADER, 1, r.state, r.class, r.flags, r.generation, r.created, r.seen, r.absolute, r.idle, r.ended) ..
    r.ids .. struct.pack('>Hc0Hc0', #r.by, r.by, #r.presence, r.presence) .. r.tail
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
