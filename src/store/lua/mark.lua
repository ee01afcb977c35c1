-- Prelude: a user's mark: '1' (disabled) or '0' (enabled again), the ms at which that was said, and after a space the ms
-- up to which everybody was put out: of an enabled one by the disabling before it, if that is known, and of a disabled
-- one if that is later than when it was said. A version before it wrote '1' alone.

-- Whether the user is disabled, since when the mark says so, and who is out: all who logged in until then; 0 where that
-- is not known.
local function read_mark(raw)
  if not raw then return false, 0, 0 end
  local word, said, out = raw:match('^([01])(%d*) ?(%d*)$')
  local is_disabled, since = word == '1', tonumber(said or '') or 0
  return is_disabled, since, tonumber(out or '') or is_disabled and since or 0
end

-- The highest generation of those who had logged in by a disabling: every later one is above it, whatever the clocks do.
local function generation_at(disabling) return disabling * 1000 + 999 end
