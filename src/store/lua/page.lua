-- Looks at live sessions of a partition in the order of their users and ids, from some place on.
-- ARGV 1 from and 2 to, as ZRANGEBYLEX takes them  3 most to look at  4 most to answer
--      wanted, or '': 5 code of the class  6 role  7 node of the latest connection  8 ghost_after ms
-- Answers {µs that it took, how many it looked at, the last of those or false when there are no more,
--      now, nodes, {sid, bytes, data, …}}
begin(KEYS)
local most, most_answered, class, role, node, ttl = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6],
  ARGV[7], tonumber(ARGV[8])
local now, began_us = clock()
local nodes = read_nodes()
local stamps = stamps_of(nodes)

-- The node of the latest connection, of those that renew.
local function node_of(r)
  for i = #r.presence - 15, 1, -16 do
    local held = r.presence:sub(i, i + 7)
    if struct.unpack('>H', r.presence, i + 8) > 0 and renews(stamps[held], now, ttl) then return held end
  end
end

local function has_role(r)
  local _, _, _, length, at = struct.unpack('>Hc0Hc0Hc0B', r.tail)
  local count, name = 0, nil
  count, at = struct.unpack('>B', r.tail, at + length)
  for _ = 1, count do
    name, at = struct.unpack('>Hc0', r.tail, at)
    if name == role then return true end
  end
  return false
end

local function is_wanted(sid, raw)
  -- Only what has to be is decoded: state and class, and when it was seen and ends.
  local state, of_class, _, _, _, seen, absolute, idle = struct.unpack('>BBBI8I6I6I6I6', raw, 2)
  if state ~= LIVE or math.min(absolute, seen + idle) <= now or (class and of_class ~= class) then return false end
  if node == '' and role == '' then return true end
  local r = decode(sid, raw)
  return (node == '' or node_of(r) == node) and (role == '' or has_role(r))
end

local answer, looked = {}, 0
for i = 1, math.min(most, #members) do
  local sid = members[i]:sub(-16)
  local raw = redis.call('GET', PREFIX .. 's:' .. sid)
  looked = i
  if raw then
    -- Whoever's record is damaged is not shown; the sweeper tells of it.
    local readable, wanted = pcall(is_wanted, sid, raw)
    if readable and wanted then
      local at = #answer
      answer[at + 1], answer[at + 2], answer[at + 3] = sid, raw, data_of({ sid = sid, flags = raw:byte(4) })
      if at / 3 + 1 == most_answered then break end
    end
  end
end
local _, ended_us = clock()
return { math.max(0, ended_us - began_us), looked, looked < #members and members[looked], now, nodes, answer }
