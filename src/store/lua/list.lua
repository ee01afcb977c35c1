-- Reads sessions with their data: those of a user, or those of which the ids are given.
-- ARGV 1 user, or '' and then sids
-- Answers {now, nodes, {sid, bytes, data, …}}
begin(KEYS)
local now = clock()
local nodes = read_nodes()
local answer = {}
local function add(r, raw)
  local at = #answer
  answer[at + 1], answer[at + 2], answer[at + 3] = r.sid, raw, data_of(r)
end
if ARGV[1] ~= '' then
  for _, r in ipairs(seats_of(ARGV[1])) do
    if r.state then add(r, encode(r)) end
  end
end
for i = 2, #ARGV do
  local raw = redis.call('GET', PREFIX .. 's:' .. ARGV[i])
  if raw then add(decode(ARGV[i], raw), raw) end
end
return { now, nodes, answer }
