-- record-shares: writes a batch of shares, each exactly once, in one atomic step.
--
-- KEYS  1 <coin>:pow  2 <coin>:shares:roundCurrent  3 <coin>:hashrate  4 <coin>:stats  5 <coin>:blocks:candidates
--       6 <coin>:shares:window  7 <coin>:blocks:terms   then per login: <coin>:hashrate:<login>, <coin>:miners:<login>
-- ARGV  1 retry: 1 when an earlier attempt at these shares may have been executed, else 0
--       2 sweep: members of pow with a lower score (height) go, after everything else; empty = no sweep
--       3 expiration of <coin>:hashrate:<login>, seconds
--       4 evidence since: a share with an earlier ms may have lost its hashrate entry (expired, purged), Unix ms
--       5 number of logins   6 a sum: 1 under pplns, where the batch is logged as one group of the window; 2 where a candidate may be
--       solo work, which has closed no round
--       then per login: login, 1 when the expiration is to be refreshed
--       then per share: login's index from 1, nonce:powHash:mixDigest, height, difficulty, worker, ms, ts,
--       1 when it is late: newer work is out, and nobody was told yet that the share counts; 2 when its header is solo work, so that it
--       earns nothing and is in statistics only; else 0
-- Output  billed commands (this one and every inner one), then a code per share in the order given:
--         0 duplicate, nothing written   1 recorded, by this or (retry) by an earlier attempt
--         2 unresolved (retry only): too old to tell whether the earlier attempt wrote it; nothing written
--         3 stale (late only): a block at its height or above has closed the round that it was found in; nothing written
-- Errors  Redis' own text; then nothing is written (of several logins, some may keep a lastShare that is too new).
-- The entry in the login's hashrate is the trace of a share, and of any other with its difficulty, worker and ms: whose it is, pow says. An entry
-- there goes with the sweep of a write that is more than eight heights above it, so what is as high as that below pow's highest entry and not in
-- pow was not written. Only below is the trace believed by itself.
-- The log of the window begins with the open round as it is then: under the scheme of before, its shares were not logged.
-- @prelude
local retry, sweep, expiration, since = ARGV[1] == '1', ARGV[2], ARGV[3], tonumber(ARGV[4])
local pow, round, hashrate, stats, candidates, window, agreed = unpack(KEYS, 1, 7)
local logging = ARGV[6] == '1' or ARGV[6] == '3'
local soloBlocks = ARGV[6] == '2' or ARGV[6] == '3'
local DUPLICATE, RECORDED, UNRESOLVED, STALE = 0, 1, 2, 3
local KEPT_HEIGHTS = 8

local logins, at = {}, 7
for l = 1, tonumber(ARGV[5]) do
  logins[l] = { name = ARGV[at], expire = ARGV[at + 1] == '1', hashrate = KEYS[6 + 2 * l], miner = KEYS[7 + 2 * l], shares = {} }
  at = at + 2
end
local shares = {}
for i = at, #ARGV, 8 do
  local login = logins[tonumber(ARGV[i])]
  local share = {
    index = #shares + 1, login = login, pow = ARGV[i + 1], height = ARGV[i + 2], diff = ARGV[i + 3],
    tail = ARGV[i + 4] .. ':' .. ARGV[i + 5], ms = tonumber(ARGV[i + 5]), ts = ARGV[i + 6],
    late = ARGV[i + 7] == '1', solo = ARGV[i + 7] == '2',
  }
  share.evidence = share.diff .. ':' .. share.tail
  shares[share.index] = share
  login.shares[#login.shares + 1] = share
end

local codes = {}
-- Pow has been read or written by then, so the sweep cannot fail, and has something as high as what the sweep goes by.
local function answer()
  if sweep ~= '' then call('ZREMRANGEBYSCORE', pow, '-inf', '(' .. sweep) end
  return { billed, unpack(codes) }
end

local traced = {}
if retry then
  for _, login in ipairs(logins) do
    local members = {}
    for i, share in ipairs(login.shares) do members[i] = share.evidence end
    local scores = call('ZMSCORE', login.hashrate, unpack(members))
    if failed(scores) then return scores end
    for i, share in ipairs(login.shares) do
      if scores[i] then traced[share.index] = true end
    end
  end
end

-- Whether pow has whatever was written at a height; asked for once, and only where a trace is there and pow has nothing.
local lowest
local function isKept(height)
  if not lowest then
    local top = call('ZREVRANGE', pow, 0, 0, 'WITHSCORES')
    lowest = not failed(top) and top[2] and tonumber(top[2]) - KEPT_HEIGHTS or math.huge
  end
  return tonumber(height) >= lowest
end

-- The greatest height of a block of the pool's that is still a candidate; asked for once, and only where a late share needs it.
local closedHeight
local function isClosed(height)
  local rank = 0
  while closedHeight == nil do
    local newest = call('ZREVRANGE', candidates, rank, rank, 'WITHSCORES')
    local entry = not failed(newest) and newest[1]
    local solo = false
    if entry and soloBlocks then
      local nonce, ts = string.match(entry, '^(0x%x+):0x%x+:0x%x+:(%d+):')
      local terms = nonce and call('HGET', agreed, nonce .. ':' .. ts)
      solo = type(terms) == 'string' and string.find(terms, '"scheme":"solo"', 1, true) ~= nil
    end
    if solo then rank = rank + 1 else closedHeight = entry and tonumber(newest[2]) or -1 end
  end
  return tonumber(height) <= closedHeight
end

-- A lone first attempt is checked by the NX of the ZADD that has to be sent anyway.
local lone = #shares == 1 and not retry and not shares[1].late
local steps, fresh = {}, {}
if lone then
  local added = call('ZADD', pow, 'NX', shares[1].height, shares[1].pow)
  if failed(added) then return added end
  if added == 0 then
    codes[1] = DUPLICATE
    return answer()
  end
  fresh[1] = shares[1]
else
  local members, present = {}, {}
  for i, share in ipairs(shares) do members[i] = share.pow end
  local scores = call('ZMSCORE', pow, unpack(members))
  if failed(scores) then return scores end
  for i, share in ipairs(shares) do
    if scores[i] then present[share.pow] = true end
  end
  for i, share in ipairs(shares) do
    local old = retry and share.ms < since
    if present[share.pow] then codes[i] = (old or traced[i]) and RECORDED or DUPLICATE
    elseif traced[i] and not isKept(share.height) then codes[i] = RECORDED
    elseif old and not traced[i] then codes[i] = UNRESOLVED
    elseif share.late and isClosed(share.height) then codes[i] = STALE
    else
      present[share.pow] = true
      fresh[#fresh + 1] = share
    end
  end
  if #fresh == 0 then return answer() end
end

local total, hashrateEntries, powEntries, credited, earning = '0', {}, {}, {}, {}
for _, share in ipairs(fresh) do
  codes[share.index] = RECORDED
  local login = share.login
  if not login.sum then
    login.sum, login.entries, login.ts = '0', {}, share.ts
    credited[#credited + 1] = login
  end
  if not share.solo then
    if login.sum == '0' then earning[#earning + 1] = login end
    total = add(total, share.diff)
    login.sum = add(login.sum, share.diff)
  end
  if tonumber(share.ts) > tonumber(login.ts) then login.ts = share.ts end
  powEntries[#powEntries + 1] = share.height
  powEntries[#powEntries + 1] = share.pow
  hashrateEntries[#hashrateEntries + 1] = share.ts
  hashrateEntries[#hashrateEntries + 1] = share.diff .. ':' .. login.name .. ':' .. share.tail
  login.entries[#login.entries + 1] = share.ts
  login.entries[#login.entries + 1] = share.evidence
end

local undoLone = { 'ZREM', pow, shares[1].pow }
local undoLog
local function abort(reply)
  if lone then redis.pcall(unpack(undoLone)) end
  if undoLog then redis.pcall(unpack(undoLog)) end
  return reply
end
if logging and #earning > 0 then
  local group = {}
  for i, login in ipairs(earning) do group[i] = login.name .. ':' .. login.sum end
  local length = call('RPUSH', window, table.concat(group, ','))
  if failed(length) then return abort(length) end
  undoLog = { 'RPOP', window }
  if length == 1 then
    undoLog = { 'DEL', window }
    local open = call('HGETALL', round)
    if failed(open) then return abort(open) end
    local seed, push = groups(open), { 'LPUSH', window }
    for i = #seed, 1, -1 do push[#push + 1] = seed[i] end
    if #seed > 0 then
      local seeded = call(unpack(push))
      if failed(seeded) then return abort(seeded) end
    end
  end
end
if not lone then steps[1] = append(pow, powEntries) end
if #earning <= 2 then
  for _, login in ipairs(earning) do steps[#steps + 1] = increment(round, login.name, login.sum) end
else
  local names, before = {}, nil
  for i, login in ipairs(earning) do names[i] = login.name end
  before = call('HMGET', round, unpack(names))
  if failed(before) then return abort(before) end
  local write, restore, remove = { 'HSET', round }, { 'HSET', round }, { 'HDEL', round }
  for i, login in ipairs(earning) do
    local old = before[i]
    local sum = login.sum
    if old then
      if not natural(old) then return abort(NOT_INTEGER) end
      sum = add(old, sum)
      restore[#restore + 1] = login.name
      restore[#restore + 1] = old
    else
      remove[#remove + 1] = login.name
    end
    if not fits(sum) then return abort(OVERFLOW) end
    write[#write + 1] = login.name
    write[#write + 1] = sum
  end
  steps[#steps + 1] = {
    command = write,
    undo = function()
      if #remove > 2 then redis.pcall(unpack(remove)) end
      return #restore > 2 and restore or nil
    end,
  }
end
steps[#steps + 1] = append(hashrate, hashrateEntries)
for _, login in ipairs(credited) do
  steps[#steps + 1] = append(login.hashrate, login.entries)
  if login.expire then steps[#steps + 1] = { command = { 'EXPIRE', login.hashrate, expiration } } end
end
if total ~= '0' then steps[#steps + 1] = increment(stats, 'roundShares', total) end
for _, login in ipairs(credited) do
  steps[#steps + 1] = {
    command = { 'HSET', login.miner, 'lastShare', login.ts },
    undo = function(added) return added == 1 and { 'HDEL', login.miner, 'lastShare' } or nil end,
  }
end

local problem = run(steps)
if problem then return abort(problem) end
return answer()
