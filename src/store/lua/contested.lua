-- The users of one partition that were taken over most in a period.
-- KEYS 1 how often each was, below 0, so that of equals the lower id comes first   ARGV 1 how many of them
--      2 a score, '' for none
-- Answers {how many were taken over more often than the score says, {user, score, …}}
local above, first = 0, {}
if tonumber(ARGV[1]) > 0 then first = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES') end
if ARGV[2] ~= '' then above = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[2]) end
return { above, first }
