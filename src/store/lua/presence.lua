-- Prelude: a node says that it renews, and what it holds of a session.

-- Says that the node renews now, in the store and in what was read of it.
local function stamp(node, ttl, now, stamps, flat)
  stamps[node] = { at = now, ttl = ttl }
  local value = struct.pack('>I6I6', now, ttl)
  redis.call('HSET', NODES, node, value)
  redis.call('PEXPIRE', NODES, '86400000')
  flat[#flat + 1], flat[#flat + 2] = node, value
end

-- Takes over what a node says of itself; answers whether that changed anything. A sequence that is not higher is
-- late and ignored, hence a node's entry stays even at 0 for as long as it renews here. Entries of others that no
-- longer do go: their renewal brings them back. A count that rose makes the node the latest.
local function set_presence(r, node, count, sequence, stamps, now)
  local kept, place, before = {}, nil, 0
  for i = 1, #r.presence, 16 do
    local other, held, at = r.presence:sub(i, i + 7), struct.unpack('>HI6', r.presence, i + 8)
    if other == node then
      if at >= sequence then return false end
      place, before = #kept + 1, held
    elseif renews(stamps[other], now) then
      kept[#kept + 1] = r.presence:sub(i, i + 15)
    end
  end
  local entry = node .. struct.pack('>HI6', count, sequence)
  if place and count <= before then
    table.insert(kept, place, entry)
  else
    kept[#kept + 1] = entry
  end
  r.presence = table.concat(kept)
  return true
end

-- Tells who follows the feed how many connections these live sessions have now, where the latest is, and when they were
-- seen: one message a step, and nothing but a NUMSUB (no key, 3 µs) where nobody follows. In front an empty event's id
-- (log.lua), then for each session 32 bytes: id 16, node 8 or zeros, count 2, seen 6.
local function tell_presence(records, stamps, now)
  if #records == 0 or redis.call('PUBSUB', NUMSUB, PREFIX .. 'f')[2] == 0 then return end
  local parts = { '\0\0' }
  for _, r in ipairs(records) do
    local latest = ('\0'):rep(8)
    for i = 1, #r.presence, 16 do
      local node, count = r.presence:sub(i, i + 7), struct.unpack('>H', r.presence, i + 8)
      if count > 0 and renews(stamps[node], now) then latest = node end
    end
    parts[#parts + 1] = r.sid .. latest .. struct.pack('>HI6', connections(r, stamps, now), r.seen)
  end
  redis.call(PUBLISH, PREFIX .. 'f', table.concat(parts))
end
