-- Keeps what a node says of itself, and a sample of its figures.
-- KEYS 1 the reports, 2 the node's samples, 3 coarser ones
-- ARGV 1 node  2 report  3 sample  4 most samples  5 most coarse ones  6 ms between those  7 ms that all is kept
--      8 most nodes
local DAY_MS = 24 * 60 * 60 * 1000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at, kept = struct.pack('>I6', now), tonumber(ARGV[7])
local last, others, gone, flat = redis.call('LINDEX', KEYS[3], -1), {}, {}, redis.call('HGETALL', KEYS[1])
for i = 1, #flat, 2 do
  local readable, said = pcall(struct.unpack, '>I6', flat[i + 1])
  if not readable or now - said >= kept then
    gone[#gone + 1] = flat[i]
  elseif flat[i] ~= ARGV[1] then
    others[#others + 1] = { node = flat[i], said = said }
  end
end
-- Each start of a node is another one. Those that spoke last stay.
table.sort(others, function(a, b) return a.said > b.said end)
for i = tonumber(ARGV[8]), #others do gone[#gone + 1] = others[i].node end

local function push(key, most)
  redis.call('RPUSH', key, at .. ARGV[3])
  redis.call('LTRIM', key, -tonumber(most), -1)
  redis.call('PEXPIRE', key, kept + DAY_MS)
end
for _, node in ipairs(gone) do redis.call('HDEL', KEYS[1], node) end
redis.call('HSET', KEYS[1], ARGV[1], at .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], kept + DAY_MS)
push(KEYS[2], ARGV[4])
if not last or now - struct.unpack('>I6', last) >= tonumber(ARGV[6]) then push(KEYS[3], ARGV[5]) end
return now
