-- exec-unchanged: the commands of a MULTI as one step, unless a watched key holds something else than at its WATCH.
--
-- KEYS  the watched keys, then the keys of the commands
-- ARGV  1 how many keys are watched; for each its type, the number of texts that it held, these (a string's text, a hash's fields and
--       values, a set's members, a sorted set's members and scores in their order; nothing for type none); then for each command the
--       number of its words, and these
-- Output  {0} when a key has changed, nothing is done; else {1, kind, reply, kind, reply, …}: kind `value`, `integer` (as text, because a
--         reply that is a number rounds beyond 2^53) or `error`
-- Errors  none of its own: as in EXEC a command that fails fails alone, and the others are done.
-- @prelude
local at = 1
local function take(count)
  at = at + count
  return ARGV[at - count]
end
local READ = {
  string = { 'GET' },
  hash = { 'HGETALL' },
  set = { 'SMEMBERS' },
  zset = { 'ZRANGE', 0, -1, 'WITHSCORES' },
}

local function unchanged(key, kind, first, count)
  if call('TYPE', key).ok ~= kind then return false end
  if kind == 'none' then return true end
  local read = READ[kind]
  local held = call(read[1], key, unpack(read, 2))
  if kind == 'string' then return held == ARGV[first] end
  if #held ~= count then return false end
  -- The order of a hash or a set is Redis' own and may change by itself.
  local width = kind == 'set' and 1 or 2
  local values = {}
  for i = first, first + count - 1, width do values[ARGV[i]] = ARGV[i + width - 1] end
  for i = 1, count, width do
    if values[held[i]] ~= held[i + width - 1] then return false end
  end
  return true
end

for i = 1, tonumber(take(1)) do
  local kind, count = take(1), tonumber(take(1))
  if not unchanged(KEYS[i], kind, at, count) then return { 0 } end
  take(count)
end
local replies = { 1 }
local function answer(kind, reply)
  replies[#replies + 1] = kind
  replies[#replies + 1] = reply
end
while at <= #ARGV do
  local count = tonumber(take(1))
  local first = at
  take(count)
  local reply = call(unpack(ARGV, first, at - 1))
  if failed(reply) then
    answer('error', reply.err)
  elseif type(reply) == 'number' then
    local text = string.format('%.0f', reply)
    -- Only an increment can give such a number, and the field has its digits.
    if math.abs(reply) >= 2 ^ 53 then text = call('HGET', ARGV[first + 1], ARGV[first + 2]) or text end
    answer('integer', text)
  else
    answer('value', type(reply) == 'table' and reply.ok or reply)
  end
end
return replies
