-- record-block: writes the share of a block, closes the round and adds the candidate, in one atomic step.
--
-- KEYS  1 <coin>:pow  2 <coin>:shares:roundCurrent  3 <coin>:hashrate  4 <coin>:stats  5 <coin>:hashrate:<login>
--       6 <coin>:miners:<login>  7 <coin>:finders  8 <coin>:shares:round<height>:<nonce>  9 <coin>:blocks:candidates
--       10 <coin>:blocks:terms  11 <coin>:blocks:immature  12 <coin>:blocks:matured  13 <coin>:shares:window
-- ARGV  1 retry: 1 when an earlier attempt may have been executed, else 0   2 sweep: members of pow with a lower height go, as in record-shares; empty = no sweep
--       3 expiration of <coin>:hashrate:<login>, seconds   4 evidence since, Unix ms (see record-shares)
--       5 login  6 nonce:powHash:mixDigest  7 height  8 share difficulty  9 worker  10 ms  11 ts  12 network difficulty of the block
--       13 the terms that the block is found under, JSON; empty: none are written down
--       14 inChain: 1 when a node's chain has it, so that no rival matters; else 0
--       15 the scheme: prop, pplns or solo   16 under pplns: difficulty of the window
-- Output  billed commands, then the code: 0 duplicate  1 recorded, by this or (retry) by an earlier attempt
--         4 rival: another nonce for its header is recorded, or for another block of its height whose header is in no list any more;
--           which of them is in the chain only the chain can say; nothing written
-- Errors  Redis' own text; then nothing is written.
-- A field of another login in the open round that is no natural number stops nobody: it is not part of the candidate's total and goes along
-- in the closed round as it stands. The finder's own is refused, as its share is.
-- The closed round itself is evidence too: it outlives the hashrate entry, which may be another share's of the same ms, and RENAME must never
-- overwrite one. Where the round is gone, and pow has nothing, the lists of blocks tell: they are never cut. An unlocker may have moved the block
-- there by some heights (an uncle, by its nephew).
-- Under prop the closed round is the open one, renamed. Under pplns it is what the last shares filled of the window, this one first: the log's
-- groups from the newest back, the one that crosses the window's edge pro rata; the open round, which only counts effort then, ends. Under
-- solo it is this one share, and the open round is not touched.
-- @prelude
local retry, sweep, expiration, since = ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4])
local pow, round, hashrate, stats, own, miner, finders, closed, candidates, agreed, immature, matured, window = unpack(KEYS)
local login, member, height, diff, worker, ms, ts, networkDiff, terms, inChain, scheme, size = unpack(ARGV, 5)
local DUPLICATE, RECORDED, RIVAL = 0, 1, 4
local NEPHEWS = 16
-- Groups of the log that are read together: it holds twice what a window needs.
local AT_ONCE = 50000
local evidence = diff .. ':' .. worker .. ':' .. ms

local function answer(code)
  if sweep ~= '' then call('ZREMRANGEBYSCORE', pow, '-inf', '(' .. sweep) end
  return { billed, code }
end

local nonce, last = string.sub(member, 1, 18), string.format('%.0f', tonumber(height) + NEPHEWS)
local function listed()
  for _, list in ipairs({ candidates, immature, matured }) do
    local found = call('ZRANGEBYSCORE', list, height, last)
    if failed(found) then return found end
    for _, entry in ipairs(found) do
      if string.find(entry, nonce, 1, true) then return true end
    end
  end
  return false
end

-- The lists of an unlocker have no headers: there any other block that was mined at the height may be one. A block is not refused because
-- one of them cannot be read.
local function rivalled()
  local found = call('ZRANGEBYSCORE', candidates, height, height)
  if failed(found) then return found end
  for _, entry in ipairs(found) do
    if string.sub(entry, 1, 18) ~= nonce and string.sub(entry, 19, 85) == string.sub(member, 19, 85) then return true end
  end
  for _, list in ipairs({ immature, matured }) do
    found = call('ZRANGEBYSCORE', list, height, last, 'WITHSCORES')
    for i = 1, failed(found) and 0 or #found, 2 do
      local uncle, other = string.match(found[i], '^(%d+):[01]:(0x%x+):')
      local mined = uncle == '0' and found[i + 1] or uncle
      if other and other ~= nonce and tonumber(mined) == tonumber(height) then return true end
    end
  end
  return false
end

local kept = call('EXISTS', closed)
if kept == 1 then return answer(retry and RECORDED or DUPLICATE) end
if retry then
  local traced = call('ZSCORE', own, evidence)
  if failed(traced) then return traced end
  local seen = call('ZSCORE', pow, member)
  if failed(seen) then return seen end
  local old = tonumber(ms) < since
  if seen then return answer((old or traced) and RECORDED or DUPLICATE) end
  if old or traced then
    local known = listed()
    if failed(known) then return known end
    if known then return answer(RECORDED) end
  end
end

if inChain ~= '1' then
  local other = rivalled()
  if failed(other) then return other end
  if other then return answer(RIVAL) end
end

local added = call('ZADD', pow, 'NX', height, member)
if failed(added) then return added end
if added == 0 then return answer(DUPLICATE) end
local function abort(reply)
  redis.pcall('ZREM', pow, member)
  return reply
end

-- The round as it will be closed: what is there and this share. What is no number counts for nobody.
local total, mine, rows = diff, diff, {}
if scheme ~= 'solo' then
  rows = call('HGETALL', round)
  if failed(rows) then return abort(rows) end
end
for i = 1, #rows, 2 do
  local counts = natural(rows[i + 1])
  if counts then total = add(total, rows[i + 1]) end
  if rows[i] == login and scheme == 'prop' then
    if not counts then return abort(NOT_INTEGER) end
    mine = add(mine, rows[i + 1])
  end
end
if not fits(mine) then return abort(OVERFLOW) end

local high, low, owners = {}, {}, {}
local leftHigh, leftLow = halves(scheme == 'pplns' and size or '0')
local function give(to, h, l)
  if h == 0 and l == 0 then return end
  local before = low[to]
  if before then
    high[to], low[to] = plus(high[to], before, h, l)
  else
    owners[#owners + 1] = to
    high[to], low[to] = h, l
  end
end
-- digits × left / (allHigh, allLow), rounded down, by long division; left is at most the divisor.
local function proRata(digits, allHigh, allLow)
  local qh, ql, rh, rl = 0, 0, 0, 0
  for i = 1, #digits do
    local carry = math.floor(rl * 10 / BASE)
    rh, rl = rh * 10 + carry, rl * 10 - carry * BASE
    for _ = 1, tonumber(string.sub(digits, i, i)) do rh, rl = plus(rh, rl, leftHigh, leftLow) end
    carry = math.floor(ql * 10 / BASE)
    qh, ql = qh * 10 + carry, ql * 10 - carry * BASE
    while not less(rh, rl, allHigh, allLow) do
      rh, rl = rh - allHigh, rl - allLow
      if rl < 0 then rh, rl = rh - 1, rl + BASE end
      qh, ql = plus(qh, ql, 0, 1)
    end
  end
  return qh, ql
end
-- Gives a group its part of the window. Says whether that was the last of it. Most groups are one share, and of a login and a difficulty there
-- are thousands alike, which are read once.
local alike = {}
local function fill(group)
  local known = alike[group]
  local owner, allHigh, allLow
  if known then
    owner, allHigh, allLow = known[1], known[2], known[3]
  else
    owner = lone(group)
    allHigh, allLow = groupTotal(group)
    if owner then alike[group] = { owner, allHigh, allLow } end
  end
  local full = not less(allHigh, allLow, leftHigh, leftLow)
  if owner and not full then
    give(owner, allHigh, allLow)
  else
    for to, digits in string.gmatch(group, '(0x%x+):(%d+)') do
      if full then give(to, proRata(digits, allHigh, allLow)) else give(to, halves(digits)) end
    end
  end
  leftHigh, leftLow = leftHigh - allHigh, leftLow - allLow
  if leftLow < 0 then leftHigh, leftLow = leftHigh - 1, leftLow + BASE end
  return full
end

local steps, closing = {}, {}
if scheme == 'pplns' then
  local log = call('LRANGE', window, -AT_ONCE, -1)
  if failed(log) then return abort(log) end
  local push, began = { 'RPUSH', window }, #log == 0
  if began then
    log = groups(rows)
    for i = 1, #log do push[#push + 1] = log[i] end
  end
  push[#push + 1] = login .. ':' .. diff
  local full, at, read = fill(login .. ':' .. diff), #log, AT_ONCE
  while not full and at > 0 do
    full = fill(log[at])
    at = at - 1
    if at == 0 and not full and not began and #log == AT_ONCE then
      log = call('LRANGE', window, -read - AT_ONCE, -read - 1)
      if failed(log) then return abort(log) end
      at, read = #log, read + AT_ONCE
    end
  end
  steps[1] = { command = push, undo = function() return { began and 'DEL' or 'RPOP', window } end }
  local filledHigh, filledLow = 0, 0
  for i, owner in ipairs(owners) do
    if i % 3000 == 1 then
      steps[#steps + 1] = { command = { 'HSET', closed }, undo = function() return { 'DEL', closed } end }
    end
    local command = steps[#steps].command
    command[#command + 1] = owner
    command[#command + 1] = digitsOf(high[owner], low[owner])
    filledHigh, filledLow = plus(filledHigh, filledLow, high[owner], low[owner])
  end
  terms = string.gsub(terms, '"weights":null', '"weights":"' .. digitsOf(filledHigh, filledLow) .. '"', 1)
  closing = { { command = { 'DEL', round } } }
elseif scheme == 'solo' then
  steps[1] = { command = { 'HSET', closed, login, diff }, undo = function() return { 'DEL', closed } end }
else
  steps[1] = increment(round, login, diff)
  closing = { { command = { 'RENAME', round, closed } }, { command = { 'HDEL', stats, 'roundShares' } } }
end

local found = { 'HSET', stats, 'lastBlockFound', ts }
if scheme == 'pplns' then
  found[5] = 'roundShares'
  found[6] = '0'
end
-- What was agreed on is written with the block, or the block is not: it would be shared out under other terms.
local id = string.sub(member, 1, 18) .. ':' .. ts
local agreement = terms ~= '' and {
  command = { 'HSETNX', agreed, id, terms },
  undo = function(set) return set == 1 and { 'HDEL', agreed, id } or nil end,
}
local candidate = member .. ':' .. ts .. ':' .. networkDiff .. ':' .. total
local writes = {
  append(hashrate, { ts, diff .. ':' .. login .. ':' .. worker .. ':' .. ms }),
  append(own, { ts, evidence }),
  { command = { 'EXPIRE', own, expiration } },
  append(candidates, { height, candidate }),
  { command = { 'ZINCRBY', finders, '1', login }, undo = function(after)
    if after == '1' then return { 'ZREM', finders, login } end
    return { 'ZINCRBY', finders, '-1', login }
  end },
  increment(miner, 'blocksFound', '1'),
}
if agreement then writes[#writes + 1] = agreement end
writes[#writes + 1] = { command = found }
-- From here on nothing can fail: what is renamed or deleted is there or may be missing, and both hashes have just been written.
writes[#writes + 1] = { command = { 'HSET', miner, 'lastShare', ts } }
for _, step in ipairs(writes) do steps[#steps + 1] = step end
for _, step in ipairs(closing) do steps[#steps + 1] = step end
local problem = run(steps)
if problem then return abort(problem) end
return answer(RECORDED)
