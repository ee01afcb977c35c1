-- Sets a lower count of connections of a live session.
-- KEYS 7 the record   ARGV 1 node  2 count  3 sequence
begin(KEYS)
local now = clock()
local stamps = stamps_of(read_nodes())
local raw = redis.call('GET', KEYS[7])
if not raw then return false end
local r = decode(KEYS[7]:sub(-16), raw)
if r.state ~= LIVE or lapsed(r, now) then return false end

set_presence(r, ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), stamps, now)
r.seen = now
save(r)
tell_presence({ r }, stamps, now)
return true
