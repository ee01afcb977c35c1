-- Prelude of the scripts that end sessions of a user because somebody asked for it.

-- Ends the live ones of one user's records, the lapsed as lapsed; answers sid and bytes of the former. `cause` has
-- reason, by, and who acts.
local function end_all(user, records, cause, generation, now, now_us)
  local ended, over, answer = {}, {}, {}
  for _, r in ipairs(records) do
    local list = (r.state == nil or lapsed(r, now)) and over or ended
    if r.state == nil or r.state == LIVE then list[#list + 1] = r end
  end
  for _, r in ipairs(ended) do
    answer[#answer + 1], answer[#answer + 2] = r.sid, bury(r, cause.reason, now, cause.by)
    log_end(now, r, cause)
  end
  tell(user, generation, now_us, cause.by, ended)
  end_lapsed(over, generation, now, now_us)
  return answer
end
