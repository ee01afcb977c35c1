-- Counts against a bucket that refills steadily (the generic cell rate algorithm): one number a bucket, the time
-- at which it will be full again.
-- KEYS 1 the bucket   ARGV 1 burst  2 ms a unit  3 units, 0 to ask for one without taking it
-- Answers 0 if allowed, else the ms to wait
local burst, period, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- No bucket is in debt by more than it holds, but one from before a clock was set back may look so.
local known, most = tonumber(redis.call('GET', KEYS[1]) or 0), now + burst * period
local full_at = math.min(math.max(now, known), most)
local wait = full_at + (math.max(cost, 1) - burst) * period - now
local function keep(at) redis.call('SET', KEYS[1], string.format('%.0f', at), 'PXAT', string.format('%.0f', at)) end
if wait > 0 then
  -- Or it would be as full again at every later moment until the clock is where it was.
  if known > most then keep(most) end
  return wait
end
if cost > 0 then keep(full_at + cost * period) end
return 0
