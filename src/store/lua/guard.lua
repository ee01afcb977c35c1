-- In tests in front of every script: a read after the first write is an error, because on a Cluster it could fail
-- there and leave the writes behind. An unknown command is one too, so that nobody forgets to sort it in here.
local READS = { TIME = 1, GET = 1, MGET = 1, EXISTS = 1, HGETALL = 1, ZRANGEBYLEX = 1, ZRANGEBYSCORE = 1, ZRANGE = 1,
  ZCARD = 1, ZCOUNT = 1, XRANGE = 1, HGET = 1, LINDEX = 1 }
local WRITES = { SET = 1, DEL = 1, HSET = 1, HDEL = 1, ZADD = 1, ZREM = 1, XADD = 1, XTRIM = 1, PEXPIRE = 1,
  PEXPIREAT = 1, PUBLISH = 1, SPUBLISH = 1, ZINCRBY = 1, RPUSH = 1, LTRIM = 1 }
local OF_NO_KEY = { PUBSUB = 1 }
local redis = setmetatable({}, { __index = redis })
do
  local bare, written = getmetatable(redis).__index, nil
  for _, name in ipairs({ 'call', 'pcall' }) do
    redis[name] = function(command, ...)
      if READS[command] and written then error(command .. ' is read after ' .. written .. ' was written') end
      if not (READS[command] or WRITES[command] or OF_NO_KEY[command]) then error(command .. ' is not sorted in') end
      if WRITES[command] then written = written or command end
      return bare[name](command, ...)
    end
  end
end
