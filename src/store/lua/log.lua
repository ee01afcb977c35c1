-- Prelude of the scripts that write events. PUBLISH and NUMSUB: see script.rs. Each of them is told the log's bounds:
-- about how many events it keeps, and for how long, ms.
local LOG_LENGTH, LOG_KEPT_MS, FEED
local EVENT = '>Hc0Hc0Hc0Hc0Hc0Hc0Hc0Hc0Hc0Hc0Hc0Hc0'
-- Whether the log has its expiry, as a login knows that it was given one today; and whether anybody follows.
local log_kept, is_followed

local function begin_log(length, kept_ms)
  LOG_LENGTH, LOG_KEPT_MS, FEED = length, kept_ms, PREFIX .. 'f'
  log_kept, is_followed = false, nil
end

-- The address and the device of a record, as an event has them (store/codec.rs).
local function origin_of(r)
  local _, name, _, length, at = struct.unpack('>Hc0Hc0Hc0B', r.tail)
  return { ip = r.tail:sub(at, at + length - 1),
    device = struct.pack('>BHc0c0', r.class, #r.device, r.device, name) }
end

-- One event: `what` may have reason, by, ended, actor, note, ip, device, of (the actor's session). An entry has one field,
-- the values with a length (2 bytes) before each. The time is the step's: the entry's own may be a millisecond later, and
-- can't be set because it must rise when the clock does not. Who follows the feed is subscribed to it at this server, and
-- gets the same with the entry's id in front.
local function log(now, kind, user, sid, what)
  local t, r, b, e = digits(now), what.reason and digits(what.reason) or '0', what.by or '', what.ended or ''
  local a, m, i, d, o = what.actor or '', what.note or '', what.ip or '', what.device or '', what.of or ''
  local event = struct.pack(EVENT, #t, t, #kind, kind, #user, user, #sid, sid, #r, r, #b, b, #e, e, #a, a, #m, m, #i, i,
    #d, d, #o, o)
  local id = redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'v', event)
  -- A day more, so that a day's first login can give it for all of that day.
  if not log_kept then redis.call('PEXPIRE', LOG, digits(LOG_KEPT_MS + DAY_MS)) end
  log_kept = true
  -- A read after a write, but of no key: no slot on the move can make it fail.
  if is_followed == nil then is_followed = redis.call('PUBSUB', NUMSUB, FEED)[2] > 0 end
  if is_followed then redis.call(PUBLISH, FEED, struct.pack('>Hc0', #id, id) .. event) end
end

-- The end of a session: on which device it was and, where nobody acted, from where it had logged in. `what` as above.
local function log_end(now, r, what)
  local origin = origin_of(r)
  what.device = origin.device
  if (what.actor or '') == '' then what.ip = origin.ip end
  log(now, 'ended', r.user, r.sid, what)
end
