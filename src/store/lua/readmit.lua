-- Prelude of restore: domain::readmit in Lua. The conformance suite holds the two together by generated cases.

-- Who has to go for a session that comes back, lowest generation first, each with its reason in `why`; or nil and the
-- newest of those that hold the seats which it would need. `new` has of_class and in_all, below 0 for no limit.
local function readmit(new, holders)
  local rest, out, older, older_in_class, in_class, of_device = {}, {}, {}, 0, nil, nil
  local winner
  local function newest(a, r) return (not a or r.generation > a.generation) and r or a end
  for _, r in ipairs(holders) do
    local is_older = r.generation < new.generation
    if r.device == new.device then
      if is_older then
        r.why = REPLACED
        out[#out + 1] = r
      else
        of_device = newest(of_device, r)
      end
    else
      rest[#rest + 1] = r
      if is_older then
        older[#older + 1] = r
        if r.class == new.class then older_in_class = older_in_class + 1 end
      else
        winner = newest(winner, r)
        if r.class == new.class then in_class = newest(in_class, r) end
      end
    end
  end

  local class_short, all_short = missing(new, rest)
  if of_device then return nil, of_device end
  if older_in_class < class_short then return nil, in_class end
  if #older < all_short then return nil, winner end
  table.sort(older, by_generation)
  local from_all = math.max(0, all_short - class_short)
  local function take(count, fits)
    for _, r in ipairs(older) do
      if count > 0 and not r.why and fits(r) then
        r.why = TAKEOVER
        out[#out + 1] = r
        count = count - 1
      end
    end
  end
  take(class_short, function(r) return r.class == new.class end)
  take(from_all, function() return true end)
  table.sort(out, by_generation)
  return out
end
