-- record-block: writes the share of a block, closes the round and adds the candidate, in one atomic step.
--
-- KEYS  1 <coin>:pow  2 <coin>:shares:roundCurrent  3 <coin>:hashrate  4 <coin>:stats  5 <coin>:hashrate:<login>
--       6 <coin>:miners:<login>  7 <coin>:finders  8 <coin>:shares:round<height>:<nonce>  9 <coin>:blocks:candidates
--       10 <coin>:blocks:terms  11 <coin>:blocks:immature  12 <coin>:blocks:matured
-- ARGV  1 retry: 1 when an earlier attempt may have been executed, else 0   2 sweep: members of pow with a lower height go; empty = no sweep
--       3 expiration of <coin>:hashrate:<login>, seconds   4 evidence since, Unix ms (see record-shares)
--       5 login  6 nonce:powHash:mixDigest  7 height  8 share difficulty  9 worker  10 ms  11 ts  12 network difficulty of the block
--       13 the terms that the block is found under, JSON; empty: none are written down
--       14 inChain: 1 when a node's chain has it, so that no rival matters; else 0
-- Output  billed commands, then the code: 0 duplicate  1 recorded, by this or (retry) by an earlier attempt
--         4 rival: another nonce for its header is recorded, or for another block of its height whose header is in no list any more;
--           which of them is in the chain only the chain can say; nothing written
-- Errors  Redis' own text; then nothing is written.
-- A field of another login in the open round that is no natural number stops nobody: it is not part of the candidate's total and goes along
-- in the closed round as it stands. The finder's own is refused, as its share is.
-- The closed round itself is evidence too: it outlives the hashrate entry, and RENAME must never overwrite one. Where both are gone, the
-- lists of blocks tell: they are never cut. An unlocker may have moved the block there by some heights (an uncle, by its nephew).
-- @prelude
local retry, sweep, expiration, since = ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4])
local pow, round, hashrate, stats, own, miner, finders, closed, candidates, agreed, immature, matured = unpack(KEYS)
local login, member, height, diff, worker, ms, ts, networkDiff, terms, inChain = unpack(ARGV, 5)
local DUPLICATE, RECORDED, RIVAL = 0, 1, 4
local NEPHEWS = 16
local evidence = diff .. ':' .. worker .. ':' .. ms

if sweep ~= '' then
  local swept = call('ZREMRANGEBYSCORE', pow, '-inf', '(' .. sweep)
  if failed(swept) then return swept end
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
if kept == 1 then return { billed, retry and RECORDED or DUPLICATE } end
if retry then
  local score = call('ZSCORE', own, evidence)
  if failed(score) then return score end
  if score then return { billed, RECORDED } end
  local seen = call('ZSCORE', pow, member)
  if failed(seen) then return seen end
  local old = tonumber(ms) < since
  if seen then return { billed, old and RECORDED or DUPLICATE } end
  if old then
    local known = listed()
    if failed(known) then return known end
    if known then return { billed, RECORDED } end
  end
end

if inChain ~= '1' then
  local other = rivalled()
  if failed(other) then return other end
  if other then return { billed, RIVAL } end
end

local added = call('ZADD', pow, 'NX', height, member)
if failed(added) then return added end
if added == 0 then return { billed, DUPLICATE } end
local function abort(reply)
  redis.pcall('ZREM', pow, member)
  return reply
end

-- The round as it will be closed: what is there and this share. What is no number counts for nobody.
local rows = call('HGETALL', round)
if failed(rows) then return abort(rows) end
local total, mine = diff, diff
for i = 1, #rows, 2 do
  local counts = natural(rows[i + 1])
  if counts then total = add(total, rows[i + 1]) end
  if rows[i] == login then
    if not counts then return abort(NOT_INTEGER) end
    mine = add(mine, rows[i + 1])
  end
end
if not fits(mine) then return abort(OVERFLOW) end

local candidate = member .. ':' .. ts .. ':' .. networkDiff .. ':' .. total
local problem = run({
  increment(round, login, diff),
  append(hashrate, { ts, diff .. ':' .. login .. ':' .. worker .. ':' .. ms }),
  append(own, { ts, evidence }),
  { command = { 'EXPIRE', own, expiration } },
  append(candidates, { height, candidate }),
  { command = { 'ZINCRBY', finders, '1', login }, undo = function(after)
    if after == '1' then return { 'ZREM', finders, login } end
    return { 'ZINCRBY', finders, '-1', login }
  end },
  increment(miner, 'blocksFound', '1'),
  { command = { 'HSET', stats, 'lastBlockFound', ts } },
  -- From here on nothing can fail: the source exists and both hashes have just been written.
  { command = { 'RENAME', round, closed } },
  { command = { 'HSET', miner, 'lastShare', ts } },
  { command = { 'HDEL', stats, 'roundShares' } },
})
if problem then return abort(problem) end
-- A block is not refused for its terms: where they cannot be written, the unlocker takes those of the day that it sees the block.
if terms ~= '' then call('HSETNX', agreed, string.sub(member, 1, 18) .. ':' .. ts, terms) end
return { billed, RECORDED }
