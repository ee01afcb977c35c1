-- Ends live sessions of one user.
-- ARGV 1 'session', 'user' or 'others'  2 user, '' for 'session'  3 sid, '' for 'user'  4 reason  5 by
--      6 not after, ms  7… who acts  11 and 12 the log's bounds
-- Answers {now, nodes, {sid, bytes, …} of those that it ended} | {'late', now}
begin(KEYS)
begin_log(ARGV[11], ARGV[12])
local target, user, sid = ARGV[1], ARGV[2], ARGV[3]
local now, now_us = clock()
if is_late(now, ARGV[6]) then return { 'late', now } end
local nodes = read_nodes()
local last = last_generation()
local records = {}
if target == 'session' then
  local raw = redis.call('GET', PREFIX .. 's:' .. sid)
  if raw then
    records[1] = decode(sid, raw)
    user = records[1].user
  end
else
  local may = target == 'user'
  for _, r in ipairs(seats_of(user)) do
    if target == 'others' and r.sid == sid then
      may = r.state == LIVE and not lapsed(r, now)
    else
      records[#records + 1] = r
    end
  end
  if not may then records = {} end
end
local cause = act_at(7)
cause.reason, cause.by = tonumber(ARGV[4]), ARGV[5]
return { now, nodes, end_all(user, records, cause, last, now, now_us) }
