-- to-matured: moves a block from the immature to the matured blocks: its logins' immature credits become balance.
--
-- KEYS  1 <coin>:blocks:immature  2 <coin>:blocks:matured  3 <coin>:credits:immature:<height as immature>:<hash as immature>
--       4 <coin>:credits:<height>:<hash>  5 <coin>:finances  6 the round's key  7 <coin>:credits:all
--       8 <coin>:unlocker:moves  9 <coin>:unlocker:owed
-- ARGV  1 the move's plan as moves has it; empty: the whole move is this one step   2 final: 1 moves the block, 0 only credits logins
--       3 the block's member as an immature block  4 its height  5 its member as a matured block  6 "<coin>:miners:"
--       7 final: how many logins are credited in all  8 "<hash>:<ts>:<reward in Wei>" for credits:all  9 the reward in Shannon  10 the hash
--       then per login: login, Shannon, 0 for one that only had an immature credit; at most 1,000
-- Output  billed commands, then the code: 1 done  2 it was done before  0 the immature block is gone
--         3 another plan is under way  4 final, but other logins were credited before than this move has, or some immature credit is left;
--         then the logins whose part is owed
-- Errors  Redis' own text; then nothing is written.
-- Of a login's immature sum goes exactly what its entry in KEYS[3] holds, and that entry with it; its balance grows once, as its entry in
-- KEYS[4] says. One whose account cannot be written does not stop the others (see to-immature): owed has <login>:immature and <login>:balance.
-- @prelude
local immature, matured, provisional, credits, finances, round, all, moves, owed = unpack(KEYS)
local plan, final, from, height, to, miners, expected, record, reward, hash = unpack(ARGV, 1, 10)
local GONE, DONE, BEFORE, REPLACED, INCOMPLETE = 0, 1, 2, 3, 4

local here = call('ZSCORE', immature, from)
if failed(here) then return here end
local there = call('ZSCORE', matured, to)
if failed(there) then return there end
if not here then return { billed, there and BEFORE or GONE } end
local kept = call('HGET', moves, from)
if failed(kept) then return kept end
if (kept or '') ~= plan then return { billed, REPLACED } end

local totals = call('HMGET', finances, 'immature', 'balance', 'totalMined')
if failed(totals) then return totals end
if not (whole(totals[1]) and whole(totals[2]) and whole(totals[3])) then return NOT_INTEGER end
local debts = call('HLEN', owed)
if failed(debts) then return debts end
local left = call('HLEN', provisional)
if failed(left) then return left end
local count = call('HLEN', credits)
if failed(count) then return count end
local listed = call('ZCARD', all)
if failed(listed) then return listed end
local kind = call('TYPE', round)
if kind.ok ~= 'hash' and kind.ok ~= 'none' then return { err = 'WRONGTYPE Operation against a key holding the wrong kind of value' } end

local logins, amounts = {}, {}
for i = 11, #ARGV, 2 do
  logins[#logins + 1] = ARGV[i]
  amounts[#amounts + 1] = ARGV[i + 1]
end
local entry, fresh, gone, back, steps, bad = { 'HSET', credits }, { 'HDEL', credits }, { 'HDEL', provisional }, { 'HSET', provisional }, {}, {}
local minus, plus = '0', '0'
if #logins > 0 then
  local had = call('HMGET', provisional, unpack(logins))
  if failed(had) then return had end
  local before = call('HMGET', credits, unpack(logins))
  if failed(before) then return before end
  for i, login in ipairs(logins) do
    local loss, gain = had[i] or '0', before[i] and '0' or amounts[i]
    if not (natural(loss) and whole(loss)) then return NOT_INTEGER end
    if before[i] and before[i] ~= amounts[i] then return { err = 'ERR ' .. login .. ' was credited another amount before' } end
    if had[i] then
      gone[#gone + 1] = login
      back[#back + 1] = login
      back[#back + 1] = loss
    end
    if gain ~= '0' then
      entry[#entry + 1] = login
      entry[#entry + 1] = gain
      fresh[#fresh + 1] = login
    end
    if loss ~= '0' or gain ~= '0' then
      local account = call('HMGET', miners .. login, 'immature', 'balance')
      local ok = not failed(account) and whole(account[1]) and whole(account[2])
      local key, prefix = owed, login .. ':'
      if ok then
        key, prefix = miners .. login, ''
        minus, plus = add(minus, loss), add(plus, gain)
      else
        bad[#bad + 1] = login
      end
      if loss ~= '0' then steps[#steps + 1] = increment(key, prefix .. 'immature', '-' .. loss) end
      if gain ~= '0' then steps[#steps + 1] = increment(key, prefix .. 'balance', gain) end
    end
  end
end
if final == '1' and (count + #fresh - 2 ~= tonumber(expected) or left ~= #gone - 2) then return { billed, INCOMPLETE } end

if #gone > 2 then steps[#steps + 1] = { command = gone, undo = function() return back end } end
if #fresh > 2 then steps[#steps + 1] = { command = entry, undo = function() return fresh end } end
if minus ~= '0' then steps[#steps + 1] = increment(finances, 'immature', '-' .. minus) end
if plus ~= '0' then steps[#steps + 1] = increment(finances, 'balance', plus) end
if final == '1' then
  steps[#steps + 1] = increment(finances, 'totalMined', reward)
  steps[#steps + 1] = append(all, { height, record })
  steps[#steps + 1] = append(matured, { height, to })
  steps[#steps + 1] = { command = { 'ZREM', immature, from }, undo = function() return { 'ZADD', immature, here, from } end }
  steps[#steps + 1] = { command = { 'HSET', finances, 'lastCreditHeight', height, 'lastCreditHash', hash } }
  steps[#steps + 1] = { command = { 'DEL', round } }
  if plan ~= '' then steps[#steps + 1] = { command = { 'HDEL', moves, from } } end
end
local problem = run(steps)
if problem then return problem end
return { billed, DONE, unpack(bad) }
