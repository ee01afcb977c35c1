-- Prelude of the scripts that somebody acts by.

-- Who acts, of the four arguments from there on: as far as an event keeps it.
local function act_at(i) return { actor = ARGV[i], note = ARGV[i + 1], ip = ARGV[i + 2], of = ARGV[i + 3] } end
