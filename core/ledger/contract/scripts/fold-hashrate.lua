-- fold-hashrate: sums up old entries of a hashrate set, to one for each worker and stretch of time, in one atomic step.
--
-- KEYS  1 <coin>:hashrate:<login>, or <coin>:hashrate  2 <coin>:folds
-- ARGV  1 login, or * for the set of all logins   2 entries before this ts   3 length of a stretch, seconds
--       4 most entries at once, beside the sums of a stretch that is begun   5 most stretches at once
--       6 begin again from this ts, where that is earlier; empty: never   7 with fewer entries than this nothing is summed up
--       8 what is older than this ts has left every window, and goes; empty: nothing
-- Output  billed commands, then how many entries were looked at and how many are left of them; 0 and 0 when there was nothing to do
-- Errors  Redis' own text; then no entry is changed.
-- What is summed up is evidence of single shares no more: <coin>:folds has, by login, the ts before which it is. It goes on from there, by so
-- many stretches at most, and the first time it is only set, so that whoever has just read it knows how far it can be by now.
-- A sum has the difficulty of all, and ms and ts of the first: who divides it by the time since its ts gets what the entries gave.
-- @prelude
local own, folds = KEYS[1], KEYS[2]
local login, stop, stretch, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local stretches, back, least = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local ADDED, REMOVED = 1000, 2000

if ARGV[8] ~= '' then
  local purged = call('ZREMRANGEBYSCORE', own, '-inf', '(' .. ARGV[8])
  if failed(purged) then return purged end
end
if least > 0 then
  local size = call('ZCARD', own)
  if failed(size) then return size end
  if size < least then return { billed, 0, 0 } end
end
local from = call('HGET', folds, login)
if failed(from) then return from end
if not from then
  local begun = call('HSET', folds, login, ARGV[2])
  if failed(begun) then return begun end
  return { billed, 0, 0 }
end
if back and back < tonumber(from) then from = string.format('%.0f', back) end
stop = math.min(stop, tonumber(from) + stretches * stretch)
if stop <= tonumber(from) then return { billed, 0, 0 } end
local start = string.format('%.0f', math.floor(tonumber(from) / stretch) * stretch)
local before = call('ZCOUNT', own, start, '(' .. from)
if failed(before) then return before end
local limit = before + most
local rows = call('ZRANGEBYSCORE', own, start, string.format('(%.0f', stop), 'WITHSCORES', 'LIMIT', 0, limit)
if failed(rows) then return rows end
local count = #rows / 2
if count == limit then
  -- There may be more of the last second: it is left to the next time, unless it is all there is.
  stop = tonumber(rows[#rows])
  while count > before and tonumber(rows[2 * count]) == stop do count = count - 1 end
  if count == before then count, stop = limit, stop + 1 end
end

local sums, order = {}, {}
for i = 1, 2 * count, 2 do
  local diff, worker, ms = string.match(rows[i], '^([1-9]%d*):(.+):(%d+)$')
  local ts = tonumber(rows[i + 1])
  if diff then
    local name = worker .. ':' .. math.floor(ts / stretch)
    local sum = sums[name]
    if not sum then
      sum = { diff = '0', worker = worker, ms = ms, ts = rows[i + 1], members = {} }
      sums[name] = sum
      order[#order + 1] = sum
    end
    sum.diff = add(sum.diff, diff)
    sum.members[#sum.members + 1] = rows[i]
  end
end
local added, removed = {}, {}
for _, sum in ipairs(order) do
  if #sum.members > 1 then
    added[#added + 1] = sum.ts
    added[#added + 1] = sum.diff .. ':' .. sum.worker .. ':' .. sum.ms
    for _, member in ipairs(sum.members) do removed[#removed + 1] = member end
  end
end

local marked = call('HSET', folds, login, string.format('%.0f', stop))
if failed(marked) then return marked end
for i = 1, #added, 2 * ADDED do call('ZADD', own, unpack(added, i, math.min(#added, i + 2 * ADDED - 1))) end
for i = 1, #removed, REMOVED do call('ZREM', own, unpack(removed, i, math.min(#removed, i + REMOVED - 1))) end
return { billed, count, count - #removed + #added / 2 }
