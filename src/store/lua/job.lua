-- Begins, takes, steps or cancels a job. The bytes are told in store/job.rs; what follows their header is the caller's.
-- KEYS 1 the jobs   ARGV 1 'begin', 'take', 'step' or 'cancel'  2 id, '' for 'take'  3 node  4 ms of a lease
--      begin: 5 rest  6 most jobs  7 ms that a finished one is kept
--      step: 5 rest  6 state  7 ms for which nobody is to take it, '' where the node goes on
-- Answers {now, id, bytes} of the job as it is now, and 1 to 'cancel' where that has cancelled it | false: there is none
--      to take, there are too many, it is not there, it is not running, or another node is at it
local RUNNING, CANCELLED, NOBODY = 0, 2, ('\0'):rep(8)
local what, id, node, lease = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function decode(raw)
  local job, rest = {}, nil
  job.state, job.created, job.finished, job.until_ms, job.node, rest = struct.unpack('>BI6I6I6c8', raw)
  job.rest = raw:sub(rest)
  return job
end

local function keep(job, word)
  local raw = struct.pack('>BI6I6I6c8', job.state, job.created, job.finished, job.until_ms, job.node) .. job.rest
  redis.call('HSET', KEYS[1], job.id, raw)
  redis.call('PEXPIRE', KEYS[1], 7 * 24 * 60 * 60 * 1000)
  return { string.format('%.0f', now), job.id, raw, word }
end

-- One that is damaged is left as it lies, and stands in no other's way.
local flat, jobs, count = redis.call('HGETALL', KEYS[1]), {}, 0
for i = 1, #flat, 2 do
  local readable, job = pcall(decode, flat[i + 1])
  if readable then
    job.id, jobs[flat[i]], count = flat[i], job, count + 1
  end
end

local function is_free(job) return job.until_ms <= now or job.node == node end

-- Whose turn it is first: nobody has been at it for longer, then it is older.
local function turn(job) return ('%015.0f%015.0f'):format(job.until_ms, job.created) .. job.id end

if what == 'begin' then
  -- The same again, because its answer was lost.
  if jobs[id] then return keep(jobs[id]) end
  local gone, oldest = {}, nil
  for _, job in pairs(jobs) do
    if job.state ~= RUNNING and now - job.finished >= tonumber(ARGV[7]) then
      gone[#gone + 1] = job.id
    elseif job.state ~= RUNNING and (not oldest or job.finished < oldest.finished) then
      oldest = job
    end
  end
  if count - #gone >= tonumber(ARGV[6]) then
    if not oldest then return false end
    gone[#gone + 1] = oldest.id
  end
  for _, other in ipairs(gone) do redis.call('HDEL', KEYS[1], other) end
  return keep({ id = id, state = RUNNING, created = now, finished = 0, until_ms = 0, node = NOBODY, rest = ARGV[5] })
end

local job = jobs[id]
if what == 'take' then
  for _, other in pairs(jobs) do
    if other.state == RUNNING and is_free(other) and (not job or turn(other) < turn(job)) then job = other end
  end
  if not job then return false end
  job.node, job.until_ms = node, now + lease
  return keep(job)
end

if what == 'cancel' then
  if not job then return false end
  if job.state ~= RUNNING then return { string.format('%.0f', now), id, redis.call('HGET', KEYS[1], id) } end
  job.state, job.finished, job.node, job.until_ms = CANCELLED, now, NOBODY, 0
  return keep(job, 1)
end

if not job or job.state ~= RUNNING or job.node ~= node then return false end
job.rest, job.state, job.until_ms = ARGV[5], tonumber(ARGV[6]), now + lease
if ARGV[7] ~= '' then job.node, job.until_ms = NOBODY, now + tonumber(ARGV[7]) end
if job.state ~= RUNNING then job.finished, job.node, job.until_ms = now, NOBODY, 0 end
return keep(job)
