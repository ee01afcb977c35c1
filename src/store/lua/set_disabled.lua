-- Disables a user and ends its sessions, or enables it.
-- KEYS 7 the user's mark   ARGV 1 user  2 '1' to disable, '0' to enable  3 reason
-- Answers {now, nodes, {sid, bytes, …} of those that it ended}
local user, disable = ARGV[1], ARGV[2] == '1'
local now, now_us = clock()
local _, nodes = read_nodes()
local last = tonumber(redis.call('GET', LAST) or 0)
local was = redis.call('EXISTS', KEYS[7]) == 1
local records = disable and seats_of(user) or {}

if disable then redis.call('SET', KEYS[7], '1') else redis.call('DEL', KEYS[7]) end
if was ~= disable then log(now, disable and 'disabled' or 'enabled', user, '', 0, '', '') end
return { now, nodes, end_all(user, records, tonumber(ARGV[3]), '', last, now, now_us) }
