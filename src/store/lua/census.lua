-- How many sessions a partition lists, how many entries are due, and which sessions are the newest.
-- ARGV 1 how many of the newest
-- Answers {listed, due, {sid, generation, …} newest first}
begin(KEYS)
local now = clock()
local newest = {}
if tonumber(ARGV[1]) > 0 then
  newest = redis.call('ZRANGE', BORN, 0, tonumber(ARGV[1]) - 1, 'REV', 'WITHSCORES')
end
return { redis.call('ZCARD', BORN), redis.call('ZCOUNT', DUE, '-inf', now), newest }
