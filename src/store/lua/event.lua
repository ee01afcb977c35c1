-- Writes an event that no step has written.
-- ARGV 1 kind  2 user or ''  3 address of a login  4 device  5 code of the reason or 0  6… who acts
--      10 and 11 the log's bounds
begin(KEYS)
begin_log(ARGV[10], ARGV[11])
local what = act_at(6)
if what.ip == '' then what.ip = ARGV[3] end
what.device, what.reason = ARGV[4], ARGV[5]
log((clock()), ARGV[1], ARGV[2], '', what)
return true
