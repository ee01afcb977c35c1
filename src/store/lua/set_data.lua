-- Replaces the data of a live session and marks it as seen.
-- KEYS 7 the record, 8 its data   ARGV 1 data, '' to clear them  2 not after, ms
-- Answers {now, nodes, bytes, data} | {'late', now} | false if it is unknown
begin(KEYS)
local now = clock()
if is_late(now, ARGV[2]) then return { 'late', now } end
local nodes = read_nodes()
local raw = redis.call('GET', KEYS[7])
if not raw then return false end
local r = decode(KEYS[7]:sub(-16), raw)
if r.state ~= LIVE or lapsed(r, now) then return { now, nodes, raw, data_of(r) } end

r.seen = now
r.flags = ARGV[1] ~= '' and 1 or 0
raw = save(r)
if ARGV[1] == '' then
  redis.call('DEL', KEYS[8])
  return { now, nodes, raw, false }
end
redis.call('SET', KEYS[8], ARGV[1], 'PXAT', digits(r.absolute + TOMBSTONE_MS))
return { now, nodes, raw, ARGV[1] }
