-- Prelude of the scripts that end sessions: tombstone, indexes, event and message go together.
local DATA_KEPT_MS = '60000'
local REASONS = { 'takeover', 'replaced', 'kicked', 'disabled', 'expired', 'idle', 'logout' }

-- The highest generation that was given out in the partition; LAST is told in seating.lua.
local function last_generation()
  local raw = redis.call('GET', LAST)
  return raw and #raw >= 8 and struct.unpack('>I8', raw) or 0
end

-- A write to a key that need not be there. Where it is not, a slot on the move has Redis refuse it in the middle of
-- the step; there is nothing to do then.
local function tidy(...) redis.pcall(...) end

local function unlist(r)
  local entry = member(r.user, r.sid)
  tidy('ZREM', SEATS, entry)
  tidy('ZREM', DUE, entry)
  tidy('ZREM', BORN, r.sid)
end

-- The tombstone of a live record; answers its bytes.
local function bury(r, reason, at, by)
  r.state, r.ended, r.by = reason, at, by
  local raw = save(r)
  if r.flags % 2 == 1 then tidy('PEXPIRE', PREFIX .. 'd:' .. r.sid, DATA_KEPT_MS) end
  unlist(r)
  return raw
end

-- The message of store/message.rs about sessions of one user that ended. One format instead of many: each number that is
-- printed by itself costs twice as much.
local MESSAGE = '{"op":"ended","user":%s,"generation":%d,"at_us":%d,"by":%s%s,"sessions":[%s]}'
local ENDED = '["%08x-%04x-%04x-%04x-%012x","%s",%d]'

local function tell(user, generation, now_us, by, ended, confirm)
  if #ended == 0 then return end
  local sessions = {}
  for i, r in ipairs(ended) do
    local a, b, c, d, e = struct.unpack('>I4HHHI6', r.sid)
    sessions[i] = ENDED:format(a, b, c, d, e, REASONS[r.state], r.ended)
  end
  redis.call(PUBLISH, PREFIX .. 'u:' .. user, MESSAGE:format(cjson.encode(user), generation, now_us,
    by == '' and 'null' or by, confirm and ',"confirm":true' or '', table.concat(sessions, ',')))
end

-- Ends what lapsed among the records and drops what has no record left, with an event and a message each.
local function end_lapsed(records, generation, now, now_us)
  for _, r in ipairs(records) do
    if r.state == nil then
      unlist(r)
    else
      bury(r, lapsed(r, now), deadline(r), '')
      log_end(now, r, { reason = r.state })
      tell(r.user, generation, now_us, '', { r })
    end
  end
end
