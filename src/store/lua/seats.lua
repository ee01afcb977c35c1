-- Prelude of login and restore: domain::decide in Lua. The conformance suite holds the two together by generated cases.

-- How many seats are missing for one more session: in the newcomer's class, and in all; below 0 means no limit.
local function missing(question, rest)
  local in_class, in_all = 0, #rest
  for i = 1, in_all do
    if rest[i].class == question.class then in_class = in_class + 1 end
  end
  return question.of_class < 0 and 0 or math.max(0, in_class + 1 - question.of_class),
    question.in_all < 0 and 0 or math.max(0, in_all + 1 - question.in_all)
end

local function by_generation(a, b) return a.generation < b.generation end

local function longest_unseen(a, b)
  if a.seen ~= b.seen then return a.seen < b.seen end
  return a.generation < b.generation
end

-- The sessions of which the newcomer needs a seat, newest first.
local function in_the_way(question, holders)
  local standing, answer = {}, {}
  for _, r in ipairs(holders) do
    if r.device ~= question.device then standing[#standing + 1] = r end
  end
  local class_short, all_short = missing(question, standing)
  for _, r in ipairs(standing) do
    if all_short > class_short or r.class == question.class then answer[#answer + 1] = r end
  end
  table.sort(answer, function(a, b) return by_generation(b, a) end)
  return answer
end

local function is_ghost(r, question)
  local now, ghost_after = question.now, question.ghost_after
  return now - r.seen >= ghost_after and connections(r, stamps_of(question.nodes), now, ghost_after) == 0
end

local function expel(r, why, out)
  r.why = why
  out[#out + 1] = r
end

-- Who has to go, lowest generation first, each with its reason in `why`; or nil and who holds the seats.
local function decide(question, holders)
  local out, rest, candidates = {}, {}, {}
  for i = 1, #holders do
    local r = holders[i]
    if r.device == question.device then
      expel(r, REPLACED, out)
    elseif question.on_full == 'choose' and question.replace[r.sid] then
      expel(r, TAKEOVER, out)
    else
      rest[#rest + 1] = r
      if question.on_full == 'kick_old' or is_ghost(r, question) then candidates[#candidates + 1] = r end
    end
  end

  local class_short, all_short = missing(question, rest)
  if #candidates > 1 then table.sort(candidates, question.victim == 'idle' and longest_unseen or by_generation) end
  local from_class, from_all = class_short, math.max(0, all_short - class_short)
  for i = 1, #candidates do
    local r = candidates[i]
    if from_class > 0 and r.class == question.class then
      expel(r, TAKEOVER, out)
      from_class = from_class - 1
    end
  end
  for i = 1, #candidates do
    local r = candidates[i]
    if from_all > 0 and not r.why then
      expel(r, TAKEOVER, out)
      from_all = from_all - 1
    end
  end
  if from_class > 0 or from_all > 0 then return nil, in_the_way(question, holders) end
  if #out > 1 then table.sort(out, by_generation) end
  return out
end
