-- Disables a user and ends its sessions, or enables it.
-- KEYS 7 the user's mark  8 the partition's disabled users
-- ARGV 1 user  2 '1' to disable, '0' to enable  3 when that was said, ms, or '' for now  4 ms to keep an enabled mark
--      5 not after, ms, or ''  6 '1' if nobody is left who could know a later word  7… who acts  11 and 12 the log's bounds
-- Answers {now, nodes, the time of the last word, {sid, bytes, …} of those that it ended} | {'late', now}
begin(KEYS)
begin_log(ARGV[11], ARGV[12])
local user, disable = ARGV[1], ARGV[2] == '1'
local now, now_us = clock()
if is_late(now, ARGV[5]) then return { 'late', now } end
local nodes = read_nodes()
local last = read_last(redis.call('GET', LAST))
local was, since, out = read_mark(redis.call('GET', KEYS[7]))
-- Later than every word before it, also when the clock went back.
local at = tonumber(ARGV[3]) or math.max(now, since + 1)
local is_settled = ARGV[6] == '1' and disable and was and at == since
if at <= since and not is_settled then return { now, nodes, digits(since), {} } end
local records = {}
for _, r in ipairs(disable and seats_of(user) or {}) do
  -- What is said again ends nobody who logged in later, for the user may have been enabled by then; until that
  -- would be known.
  if ARGV[3] == '' or is_settled or not r.created or r.created <= at then records[#records + 1] = r end
end

if disable then
  out = math.max(out, at, is_settled and now or 0)
  redis.call('SET', KEYS[7], '1' .. digits(at) .. (out > at and ' ' .. digits(out) or ''))
  last.generation = math.max(last.generation, generation_at(out))
  redis.call('ZADD', KEYS[8], '0', user)
  write_last(last, now + TOMBSTONE_MS)
else
  redis.call('SET', KEYS[7], '0' .. digits(at) .. (out > 0 and ' ' .. digits(out) or ''), 'PX', ARGV[4])
  redis.call('ZREM', KEYS[8], user)
end
if was ~= disable then log(now, disable and 'disabled' or 'enabled', user, '', act_at(7)) end
local cause = act_at(7)
cause.reason, cause.by = DISABLED, ''
return { now, nodes, digits(at), end_all(user, records, cause, last.generation, now, now_us) }
