-- Says that a node renews, and checks sessions that it holds; writes only what changed.
-- KEYS 7… the records   ARGV 1 node  2 ghost_after ms  3 for each record: ms since it was used 6, connections 2,
--      sequence 6; all bits set where there is nothing to say  4 and 5 the log's bounds
-- Answers {now, nodes, {sid, bytes, …} of those not live, {sid, …} of those not there, {sid, …} of the damaged}
begin(KEYS)
begin_log(ARGV[4], ARGV[5])
local NO_USE, NO_COUNT = 2 ^ 48 - 1, 2 ^ 16 - 1
local node, ttl = ARGV[1], tonumber(ARGV[2])
local now, now_us = clock()
local nodes = read_nodes()
local stamps = stamps_of(nodes)
local last = last_generation()
local ended, missing, damaged, changed, over = {}, {}, {}, {}, {}

-- The list that a record belongs on, if any, and the record. Fails where its bytes make no sense.
local function judge(sid, raw, place)
  local r = decode(sid, raw)
  if r.state ~= LIVE then return ended, r end
  local ago, count, sequence = struct.unpack('>I6HI6', ARGV[3], place)
  local before = r.seen
  -- A use counts if the session was not yet over then; what came later was no use of a live session.
  if ago ~= NO_USE and now - ago > r.seen and now - ago < deadline(r) then r.seen = now - ago end
  if lapsed(r, now) then return over, r end
  -- A goodbye also where the node is not known: the hello that it takes back may come later.
  local held = count ~= NO_COUNT and set_presence(r, node, count, sequence, stamps, now)
  return (held or r.seen ~= before) and changed, r
end

for i = 7, #KEYS do
  local sid, raw = KEYS[i]:sub(-16), redis.call('GET', KEYS[i])
  if not raw then
    missing[#missing + 1] = sid
  else
    -- One that is damaged must not keep the others from being renewed.
    local readable, list, r = pcall(judge, sid, raw, (i - 7) * 14 + 1)
    if not readable then
      damaged[#damaged + 1] = sid
    elseif list == ended then
      ended[#ended + 1], ended[#ended + 2] = sid, raw
    elseif list then
      list[#list + 1] = r
    end
  end
end

stamp(node, ttl, now, stamps, nodes)
for _, r in ipairs(changed) do save(r) end
tell_presence(changed, stamps, now)
end_lapsed(over, last, now, now_us)
for _, r in ipairs(over) do ended[#ended + 1], ended[#ended + 2] = r.sid, encode(r) end
return { now, nodes, ended, missing, damaged }
