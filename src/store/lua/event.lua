-- Writes an event that no step has written.
-- ARGV 1 kind  2 user or ''  3 actor  4 note  5 address  6 device  7 code of the reason or 0
--      8 the log's bounds
log((clock()), ARGV[1], ARGV[2], '',
  { actor = ARGV[3], note = ARGV[4], ip = ARGV[5], device = ARGV[6], reason = ARGV[7] })
return true
