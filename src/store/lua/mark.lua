-- Prelude: a user's mark, '1' (disabled) or '0' (enabled again) and the ms at which that was said. A version before it
-- wrote '1' alone.

-- Whether the user is disabled, and since when the mark says so; 0 where there is none.
local function read_mark(key)
  local raw = redis.call('GET', key)
  if not raw then return false, 0 end
  return raw:sub(1, 1) == '1', tonumber(raw:sub(2)) or 0
end
