-- Counts a connection of a live session and says that its node renews.
-- KEYS 7 the record   ARGV 1 node  2 count  3 sequence  4 ghost_after ms  5 most connections of a session
-- Answers {'live' | 'ended', now, nodes, bytes} | {'crowded'} | {'unknown'}
begin(KEYS)
local node, count, ttl = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
local now = clock()
local nodes = read_nodes()
local stamps = stamps_of(nodes)
local sid, raw = KEYS[7]:sub(-16), redis.call('GET', KEYS[7])
if not raw then return { 'unknown' } end
local r = decode(sid, raw)
if r.state ~= LIVE or lapsed(r, now) then return { 'ended', now, nodes, raw } end
if connections(r, stamps, now, ttl, node) + count > tonumber(ARGV[5]) then return { 'crowded' } end

set_presence(r, node, count, tonumber(ARGV[3]), stamps, now)
r.seen = now
raw = save(r)
-- A stamp that is a sixteenth of its time old is as good as a new one.
local seen = stamps[node]
if not seen or seen.ttl ~= ttl or now < seen.at or now - seen.at >= ttl / 16 then stamp(node, ttl, now, stamps, nodes) end
tell_presence({ r }, stamps, now)
return { 'live', now, nodes, raw }
