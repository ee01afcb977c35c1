-- Prelude of the scripts that write events. PUBLISH and NUMSUB: see script.rs. The last two arguments of each of them
-- bound the log: about how many events it keeps, and for how long, ms.
local LOG_LENGTH, LOG_KEPT_MS = ARGV[#ARGV - 1], ARGV[#ARGV]
local FEED = PREFIX .. 'f'
local log_kept, is_followed = false, nil

-- The address and the device of a record, as an event has them (store/codec.rs).
local function origin_of(r)
  local _, name, _, length, at = struct.unpack('>Hc0Hc0Hc0B', r.tail)
  return { ip = r.tail:sub(at, at + length - 1),
    device = struct.pack('>BHc0c0', r.class, #r.device, r.device, name) }
end

-- Who acts, of the four arguments from there on: as far as an event keeps it.
local function act_at(i) return { actor = ARGV[i], note = ARGV[i + 1], ip = ARGV[i + 2], of = ARGV[i + 3] } end

-- One event: `what` may have reason, by, ended, actor, note, ip, device, of (the actor's session). All entries have the same fields, whose names
-- a stream then stores only once. The time is the step's: the entry's own may be a millisecond later, and can't be set
-- because it must rise when the clock does not. Who follows the feed is subscribed to it at this server, and gets the
-- same values with the entry's id in front, a length (2 bytes) before each.
local function log(now, kind, user, sid, what)
  local t, r, b, e = digits(now), digits(what.reason or 0), what.by or '', what.ended or ''
  local a, m, i, d, o = what.actor or '', what.note or '', what.ip or '', what.device or '', what.of or ''
  local id = redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*',
    't', t, 'k', kind, 'u', user, 's', sid, 'r', r, 'b', b, 'e', e, 'a', a, 'm', m, 'i', i, 'd', d, 'o', o)
  if not log_kept then redis.call('PEXPIRE', LOG, LOG_KEPT_MS) end
  log_kept = true
  -- A read after a write, but of no key: no slot on the move can make it fail.
  if is_followed == nil then is_followed = redis.call('PUBSUB', NUMSUB, FEED)[2] > 0 end
  if not is_followed then return end
  redis.call(PUBLISH, FEED, struct.pack('>' .. ('Hc0'):rep(13), #id, id, #t, t, #kind, kind,
    #user, user, #sid, sid, #r, r, #b, b, #e, e, #a, a, #m, m, #i, i, #d, d, #o, o))
end
