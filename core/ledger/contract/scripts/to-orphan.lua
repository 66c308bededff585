-- to-orphan: books a block as an orphan among the matured blocks: what it brought is taken back, and its round's work may go back into the open round.
--
-- KEYS  1 <coin>:blocks:immature, or blocks:matured for a block that fell out of the chain after it had matured  2 <coin>:blocks:matured
--       3 the block's credits: <coin>:credits:immature:<height>:<hash>, or <coin>:credits:<height>:<hash>  4 <coin>:finances
--       5 the round's key  6 <coin>:shares:roundCurrent  7 <coin>:stats  8 <coin>:credits:all  9 <coin>:unlocker:moves  10 <coin>:unlocker:owed
--       11 <coin>:shares:window
-- ARGV  1 the move's plan as moves has it; empty: the whole move is this one step   2 final: 1 moves the block, 0 only takes back from logins
--       3 the block's member now  4 its height  5 its member as an orphan  6 "<coin>:miners:"  7 what the credits are: immature or balance
--       8 merge: 1 gives the round's shares back to the open round, and to the log of the window where there is one; 0 drops them  9 the member of credits:all that goes; empty: none
--       10 Shannon that totalMined loses: 0, or the reward of a matured block   then the logins; at most 1,000
-- Output  billed commands, then the code: 1 done  2 it was done before  0 the block is gone
--         3 another plan is under way  4 final, but some credit or, with merge, some work is left; then the logins whose part is owed
-- Errors  Redis' own text, or which field of the two rounds is no natural number; then nothing is written.
-- A login loses exactly what its entry in KEYS[3] holds, and that entry with it; its work moves with its entry in the round. One whose account
-- cannot be written does not stop the others (see to-immature). A balance may fall below 0: it was paid out meanwhile, and coming credits fill it up.
-- @prelude
local list, matured, credits, finances, round, open, stats, all, moves, owed, window = unpack(KEYS)
local plan, final, from, height, to, miners, field, merge, record, mined = unpack(ARGV, 1, 10)
local GONE, DONE, BEFORE, REPLACED, INCOMPLETE = 0, 1, 2, 3, 4

local here = call('ZSCORE', list, from)
if failed(here) then return here end
local there = call('ZSCORE', matured, to)
if failed(there) then return there end
if not here then return { billed, there and BEFORE or GONE } end
local kept = call('HGET', moves, from)
if failed(kept) then return kept end
if (kept or '') ~= plan then return { billed, REPLACED } end

local totals = call('HMGET', finances, field, 'totalMined')
if failed(totals) then return totals end
if not (whole(totals[1]) and whole(totals[2])) then return NOT_INTEGER end
local shares = call('HGET', stats, 'roundShares')
if failed(shares) then return shares end
if shares and not natural(shares) then return NOT_INTEGER end
local debts = call('HLEN', owed)
if failed(debts) then return debts end
local left = call('HLEN', credits)
if failed(left) then return left end
local work = call('HLEN', round)
if failed(work) then return work end
local listed = call('ZCARD', all)
if failed(listed) then return listed end

local logins = {}
for i = 11, #ARGV do logins[#logins + 1] = ARGV[i] end
local gone, back, steps, bad = { 'HDEL', credits }, { 'HSET', credits }, {}, {}
local takenWork, workBack = { 'HDEL', round }, { 'HSET', round }
local minus, returned = '0', '0'
local function negative(amount) return amount == '0' and '0' or '-' .. amount end
if #logins > 0 then
  local had = call('HMGET', credits, unpack(logins))
  if failed(had) then return had end
  local did, opened
  if merge == '1' then
    did = call('HMGET', round, unpack(logins))
    opened = call('HMGET', open, unpack(logins))
    if failed(opened) then return opened end
  end
  for i, login in ipairs(logins) do
    local loss = had[i]
    if loss then
      if not (natural(loss) and whole(loss)) then return NOT_INTEGER end
      gone[#gone + 1] = login
      back[#back + 1] = login
      back[#back + 1] = loss
      local account = call('HGET', miners .. login, field)
      if failed(account) or not whole(account) then
        bad[#bad + 1] = login
        steps[#steps + 1] = increment(owed, login .. ':' .. field, negative(loss))
      else
        steps[#steps + 1] = increment(miners .. login, field, negative(loss))
        minus = add(minus, loss)
      end
    end
    local share = did and did[i]
    if share then
      local bad_in = not natural(share) and round or opened[i] and not natural(opened[i]) and open
      if bad_in then return { err = 'ERR field ' .. login .. ' of ' .. bad_in .. ' is no whole number' } end
      if not fits(add(share, opened[i] or '0')) then return OVERFLOW end
      takenWork[#takenWork + 1] = login
      workBack[#workBack + 1] = login
      workBack[#workBack + 1] = share
      steps[#steps + 1] = increment(open, login, share)
      returned = add(returned, share)
    end
  end
end
if not fits(add(returned, shares or '0')) then return OVERFLOW end
if final == '1' and (left ~= #gone - 2 or (merge == '1' and work ~= #takenWork - 2)) then return { billed, INCOMPLETE } end

if #gone > 2 then steps[#steps + 1] = { command = gone, undo = function() return back end } end
if minus ~= '0' then steps[#steps + 1] = increment(finances, field, '-' .. minus) end
if returned ~= '0' then
  steps[#steps + 1] = { command = takenWork, undo = function() return workBack end }
  steps[#steps + 1] = increment(stats, 'roundShares', returned)
  -- The scheme may have become pplns since. Where there is no log yet, it begins with the open round, and that has the work.
  local push = { 'RPUSHX', window }
  for _, group in ipairs(groups({ unpack(workBack, 3) })) do push[#push + 1] = group end
  steps[#steps + 1] = { command = push, undo = function(length) return length > 0 and { 'LTRIM', window, 0, 1 - #push } or nil end }
end
if final == '1' then
  if mined ~= '0' then steps[#steps + 1] = increment(finances, 'totalMined', '-' .. mined) end
  steps[#steps + 1] = append(matured, { height, to })
  steps[#steps + 1] = { command = { 'ZREM', list, from }, undo = function() return { 'ZADD', list, here, from } end }
  if record ~= '' then steps[#steps + 1] = { command = { 'ZREM', all, record } } end
  if merge == '0' then steps[#steps + 1] = { command = { 'DEL', round } } end
  if plan ~= '' then steps[#steps + 1] = { command = { 'HDEL', moves, from } } end
end
local problem = run(steps)
if problem then return problem end
return { billed, DONE, unpack(bad) }
