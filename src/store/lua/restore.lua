-- Puts a session back that the store has forgotten, live or ended, as a node remembers it.
-- KEYS 7 the record, 8 its data, 9 the user's disabled mark
-- ARGV 1 the record, without connections  2 data or ''  3 when it was last known live, ms  4 for how long that holds,
--      ms  5 seats of its class or -1  6 seats in all or -1  7 this session as those that it ends are told of it
--      8 and 9 the log's bounds
-- Answers {'live'} | {'ended', now, nodes, bytes} | {'yields', now, nodes, bytes, sid} | {'too old'}
begin(KEYS)
begin_log(ARGV[8], ARGV[9])
local sid, data, by = KEYS[7]:sub(-16), ARGV[2], ARGV[7]
local now, now_us = clock()
local nodes = read_nodes()
local new, raw = decode(sid, ARGV[1]), redis.call('GET', KEYS[7])
local is_ended = new.state ~= LIVE

if raw then
  local r = decode(sid, raw)
  -- A login that was sent again to a store that had forgotten it has another generation, and another life.
  local is_its_end = is_ended and new.generation >= r.generation
  if r.state == LIVE and is_its_end then
    -- As known, also if it has lapsed meanwhile: it had ended before, and was acknowledged to have.
    local generation = last_generation()
    raw = bury(r, new.state, new.ended, new.by)
    log_end(now, r, { reason = r.state, by = r.by })
    tell(r.user, generation, now_us, r.by, { r })
  elseif r.state ~= LIVE and is_its_end and new.ended < r.ended then
    -- Whoever decided the later one had not heard of this one, which people were told.
    r.state, r.ended, r.by = new.state, new.ended, new.by
    raw = save(r)
  elseif r.state == LIVE and not lapsed(r, now) then
    return { 'live' }
  end
  return { 'ended', now, nodes, raw }
end

if not is_ended then
  local live_at = tonumber(ARGV[3])
  if now - live_at > tonumber(ARGV[4]) then return { 'too old' } end
  -- Its uses through other nodes are not in the image. It was live then, so that is when it was seen at the earliest
  -- by which it could be over now.
  if deadline(new) <= now then new.seen = math.max(new.seen, math.min(live_at, now)) end
  local why = lapsed(new, now)
  local is_disabled, _, out = read_mark(redis.call('GET', KEYS[9]))
  if why then
    new.state, new.ended = why, deadline(new)
  -- Who logged in after that may have been enabled before, which the store has forgotten and will be told.
  elseif is_disabled and new.created <= out then
    new.state, new.ended = DISABLED, now
  -- Enabled again; but when its user was disabled it was forgotten, and was not ended with the others.
  elseif not is_disabled and out > 0 and new.generation <= generation_at(out) then
    new.state, new.ended = DISABLED, now
  end
end
local last = read_last(redis.call('GET', LAST))
last.generation = math.max(last.generation, new.generation)

if new.state ~= LIVE then
  new.flags = 0
  -- One that is older has lapsed like every tombstone.
  if new.ended + TOMBSTONE_MS > now then
    save(new)
    write_last(last, new.ended + TOMBSTONE_MS)
    log_end(now, new, { reason = new.state, by = new.by })
  end
  return { 'ended', now, nodes, encode(new) }
end

new.of_class, new.in_all = tonumber(ARGV[5]), tonumber(ARGV[6])
local holders, over, has_indexes = holders_and_over(new.user, now)
local victims, winner = readmit(new, holders)
if not victims then return { 'yields', now, nodes, encode(winner), winner.sid } end
seat(new, KEYS[8], data, last, has_indexes)
log(now, 'restored', new.user, sid, origin_of(new))
for _, r in ipairs(victims) do
  bury(r, r.why, now, by)
  log_end(now, r, { reason = r.state, by = by })
end
tell(new.user, last.generation, now_us, by, victims)
end_lapsed(over, last.generation, now, now_us)
return { 'live' }
