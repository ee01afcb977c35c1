-- Ends what is past its deadline, a bounded batch of it, and trims what grew old.
-- KEYS 7 the lease   ARGV 1 who sweeps, '' for without a lease  2 most to end  3 lease ms  4 and 5 the log's bounds
-- Answers {ended, moved, 1 if there is more | 0, listed afterwards, {sid of a damaged record, …}} | false while another
--      holds the lease
begin(KEYS)
begin_log(ARGV[4], ARGV[5])
local LOOKED_AT = 50
local who, most = ARGV[1], tonumber(ARGV[2])
local now, now_us = clock()
local holder = redis.call('GET', KEYS[7])
if who ~= '' and holder and holder ~= who then return false end
local last = last_generation()
local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, LOOKED_AT)
local over, later, lost, damaged, more = {}, {}, {}, {}, #due == LOOKED_AT
for _, entry in ipairs(due) do
  if #over == most then
    more = true
    break
  end
  local user, sid = entry:sub(1, -18), entry:sub(-16)
  local raw = redis.call('GET', PREFIX .. 's:' .. sid)
  local readable, r = pcall(decode, sid, raw)
  if not raw or not readable then
    -- A damaged one stays for whoever wants to look at it, but must not hold up the others for ever.
    lost[#lost + 1] = { sid = sid, user = user }
    if raw then damaged[#damaged + 1] = sid end
  elseif not lapsed(r, now) then
    later[#later + 1] = r
  else
    over[#over + 1] = r
  end
end
local gone = {}
for node, seen in pairs(stamps_of(read_nodes())) do
  if now - seen.at >= DAY_MS then gone[#gone + 1] = node end
end
local first = redis.call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
local oldest, listed = now - LOG_KEPT_MS, math.max(redis.call('ZCARD', BORN) - #over - #lost, 0)

if who ~= '' and more then redis.call('SET', KEYS[7], who, 'PX', ARGV[3]) end
for _, r in ipairs(later) do redis.call('ZADD', DUE, 'XX', digits(deadline(r)), member(r.user, r.sid)) end
for _, r in ipairs(lost) do unlist(r) end
end_lapsed(over, last, now, now_us)
for _, node in ipairs(gone) do redis.call('HDEL', NODES, node) end
if first and tonumber(first[1]:match('^%d+')) < oldest then
  redis.call('XTRIM', LOG, 'MINID', '~', digits(oldest))
end
-- Released only by who holds it: `holder` is this sweeper here, or nobody.
if who ~= '' and holder and not more then redis.call('DEL', KEYS[7]) end
return { #over, #later + #lost, more and 1 or 0, listed, damaged }
