-- The least that a takeover asks of Redis: a newer session takes the seat, and whoever holds a socket of the older one
-- hears of it. Used by the floor and by the bare pipeline.
-- KEYS[1] the user's seat
-- ARGV[1] the newer session  ARGV[2] the user's channel  ARGV[3] seconds that the seat lasts
local older = redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[3], 'GET')
if older then
  redis.call('PUBLISH', ARGV[2], older)
end
return older
