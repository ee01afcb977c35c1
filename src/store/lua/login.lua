-- Decides a login, ends its victims, seats it and tells every node.
-- KEYS 7 the new record, 8 its data, 9 the user's disabled mark
-- ARGV 1 the record without times and generation  2 data or ''  3 TERMS: ttl ms, ghost_after ms, generation floor, not
--      after ms, seats of its class or -1, seats in all or -1, 1 to ask the nodes for confirmation, on_full, victim, by,
--      sids to replace, the log's two bounds
-- Answers {'seated', now, nodes, bytes, data, {sid, bytes, data, …}} | {'full', now, nodes, {sid, bytes, …}} |
--      {'disabled'} | {'late', now}
local TERMS = '>I8I8I8I8i8i8BHc0Hc0Hc0Hc0Hc0Hc0'
local sid, data = KEYS[7]:sub(-16), ARGV[2]
local ttl, ghost_after, floor, not_after, of_class, in_all, confirm, on_full, victim, by, wanted, length, kept_ms =
  struct.unpack(TERMS, ARGV[3])
begin(KEYS)
begin_log(length, kept_ms)
local now, now_us = clock()
local nodes = read_nodes()
local stored, mark, raw_last = unpack(redis.call('MGET', KEYS[7], KEYS[9], LAST))

-- The same login again, because its answer was lost: the answer that it had then.
if stored then
  local r, ended = decode(sid, stored), {}
  local replaced = struct.unpack('>Hc0', r.tail)
  for i = 1, #replaced, 17 do
    local victim = replaced:sub(i, i + 15)
    local raw = redis.call('GET', PREFIX .. 's:' .. victim)
    if raw then
      local at = #ended
      ended[at + 1], ended[at + 2], ended[at + 3] = victim, raw, data_of(decode(victim, raw))
    end
  end
  return { 'seated', now, nodes, stored, data_of(r), ended }
end
if is_late(now, not_after) then return { 'late', now } end
local new = decode(sid, ARGV[1])
local origin = origin_of(new)
if read_mark(mark) then
  log(now, 'refused', new.user, '', origin)
  return { 'disabled' }
end

local holders, over, has_indexes = holders_and_over(new.user, now)
local replace = {}
for i = 1, #wanted, 16 do replace[wanted:sub(i, i + 15)] = true end
local victims, in_the_way = decide({
  class = new.class, device = new.device, of_class = of_class, in_all = in_all, on_full = on_full, victim = victim,
  replace = replace, ghost_after = ghost_after, now = now, nodes = nodes,
}, holders)
if not victims then
  local answer = {}
  for _, r in ipairs(in_the_way) do answer[#answer + 1], answer[#answer + 2] = r.sid, encode(r) end
  log(now, 'full', new.user, '', origin)
  return { 'full', now, nodes, answer }
end

local last, day = read_last(raw_last), math.floor(now / DAY_MS)
local generation = math.max(last.generation + 1, now_us, floor + 1)
if generation >= 2 ^ 53 then error('generations are used up') end
local counts = counts_of(victims, day, last)
log_kept, last.generation, last.logged_on = last.logged_on == day, generation, day
for _, r in ipairs(victims) do r.data = data_of(r) end

-- The newcomer goes in first: an index that ran empty on the way would come back without an expiry.
new.generation, new.created, new.seen, new.absolute = generation, now, now, now + ttl
local replaced = pack(victims)
-- As it came it has ended nobody, which is two bytes.
new.tail = struct.pack('>Hc0', #replaced, replaced) .. new.tail:sub(3)
local raw = seat(new, KEYS[8], data, last, has_indexes)

local ended = {}
for i, r in ipairs(victims) do
  ended[3 * i - 2], ended[3 * i - 1], ended[3 * i] = r.sid, bury(r, r.why, now, by), r.data
end
if counts then count_takeover(new.user, counts) end
origin.ended = replaced
log(now, 'login', new.user, sid, origin)
tell(new.user, generation, now_us, by, victims, confirm == 1)
end_lapsed(over, generation, now, now_us)
return { 'seated', now, nodes, raw, data ~= '' and data, ended }
