-- In front of page, and of its preludes: most partitions of a search have none, and that must cost little.
-- One more than is looked at tells whether there is one.
local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3] + 1)
if #members == 0 then return { 0, 0, false, 0, {}, {} } end
