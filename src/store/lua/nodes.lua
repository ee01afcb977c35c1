-- Prelude: which nodes renew, and how many connections each holds of a session.

-- What NODES holds, flat, as it goes into the answer.
local function read_nodes() return redis.call('HGETALL', NODES) end

-- The same by node. Apart, because most logins need not know.
local function stamps_of(flat)
  local stamps = {}
  for i = 1, #flat, 2 do
    local at, ttl = struct.unpack('>I6I6', flat[i + 1])
    stamps[flat[i]] = { at = at, ttl = ttl }
  end
  return stamps
end

-- Whether a node with this stamp counts; ttl as the caller says, else as the node itself said.
local function renews(seen, now, ttl)
  return seen ~= nil and now - seen.at < (ttl or seen.ttl)
end

-- Connections of a session on nodes that renew, leaving out one node.
local function connections(r, stamps, now, ttl, except)
  local sum = 0
  for i = 1, #r.presence, 16 do
    local node, count = r.presence:sub(i, i + 7), struct.unpack('>H', r.presence, i + 8)
    if node ~= except and renews(stamps[node], now, ttl) then sum = sum + count end
  end
  return sum
end
