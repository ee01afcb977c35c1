-- Prelude: a user's mark: '1' (disabled) or '0' (enabled again), the ms at which that was said, and of an enabled one
-- after a space the ms of the disabling before it, if it is known. A version before it wrote '1' alone.

-- Whether the user is disabled, since when the mark says so, and when it was last disabled; 0 where that is not known.
local function read_mark(key)
  local raw = redis.call('GET', key) or ''
  local word, said, out = raw:match('^([01])(%d*) ?(%d*)$')
  local is_disabled, since = word == '1', tonumber(said or '') or 0
  return is_disabled, since, is_disabled and since or tonumber(out or '') or 0
end

-- The highest generation of those who had logged in by a disabling: every later one is above it, whatever the clocks do.
local function generation_at(disabling) return disabling * 1000 + 999 end
