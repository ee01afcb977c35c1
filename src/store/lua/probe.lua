-- What time it is, of a primary that takes writes: one that only answers reads can seat and end nobody.
-- KEYS 1 a key that nobody reads   ARGV 1 for how long it is kept, ms
-- Answers {seconds, microseconds}
local time = redis.call('TIME')
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return time
