-- to-immature: moves a block from the candidates to the immature blocks and credits its logins, in one atomic step or in parts.
--
-- KEYS  1 <coin>:blocks:candidates  2 <coin>:blocks:immature  3 <coin>:credits:immature:<height>:<hash>  4 <coin>:finances
--       5 the round's key  6 the round's key at the block's new height, the same where it has not changed
--       7 <coin>:unlocker:moves  8 <coin>:unlocker:owed
-- ARGV  1 the move's plan as moves has it; empty: the whole move is this one step   2 final: 1 moves the block, 0 only credits logins
--       3 the candidate's member  4 the block's new height  5 its member as an immature block  6 "<coin>:miners:"
--       7 final: how many logins are credited in all   then per login: login, Shannon above 0; at most 1,000
-- Output  billed commands, then the code: 1 done  2 it was done before  0 the candidate is gone
--         3 another plan is under way  4 final, but other logins were credited before than this move has; then the logins (see owed)
-- Errors  Redis' own text; then nothing is written.
-- A login is credited once, whatever is sent again: its entry in KEYS[3] says so. One whose account cannot be written (a wrong type, no
-- number) does not stop the others: what it has to get goes to owed, as <login>:immature, and its name is in the answer.
-- @prelude
local candidates, immature, credits, finances, round, moved, moves, owed = unpack(KEYS)
local plan, final, from, height, to, miners, expected = unpack(ARGV, 1, 7)
local GONE, DONE, BEFORE, REPLACED, INCOMPLETE = 0, 1, 2, 3, 4

local here = call('ZSCORE', candidates, from)
if failed(here) then return here end
local there = call('ZSCORE', immature, to)
if failed(there) then return there end
if not here then return { billed, there and BEFORE or GONE } end
local kept = call('HGET', moves, from)
if failed(kept) then return kept end
if (kept or '') ~= plan then return { billed, REPLACED } end

-- Everything that will be written is read first: what has the wrong type or is no number refuses before anything is changed.
local total = call('HGET', finances, 'immature')
if failed(total) then return total end
if not whole(total) then return NOT_INTEGER end
local debts = call('HLEN', owed)
if failed(debts) then return debts end
local count = call('HLEN', credits)
if failed(count) then return count end
if final == '1' and round ~= moved then
  if call('EXISTS', round) == 0 then return { err = 'ERR no such key' } end
  if call('EXISTS', moved) == 1 then return { err = 'ERR the round\'s new name is taken' } end
end

local logins, amounts = {}, {}
for i = 8, #ARGV, 2 do
  logins[#logins + 1] = ARGV[i]
  amounts[#amounts + 1] = ARGV[i + 1]
end
local entry, fresh, steps, bad, sum = { 'HSET', credits }, { 'HDEL', credits }, {}, {}, '0'
if #logins > 0 then
  local before = call('HMGET', credits, unpack(logins))
  if failed(before) then return before end
  for i, login in ipairs(logins) do
    if not before[i] then
      entry[#entry + 1] = login
      entry[#entry + 1] = amounts[i]
      fresh[#fresh + 1] = login
      local account = call('HGET', miners .. login, 'immature')
      if failed(account) or not whole(account) then
        bad[#bad + 1] = login
        steps[#steps + 1] = increment(owed, login .. ':immature', amounts[i])
      else
        steps[#steps + 1] = increment(miners .. login, 'immature', amounts[i])
        sum = add(sum, amounts[i])
      end
    elseif before[i] ~= amounts[i] then
      return { err = 'ERR ' .. login .. ' was credited another amount before' }
    end
  end
end
if final == '1' and count + #fresh - 2 ~= tonumber(expected) then return { billed, INCOMPLETE } end

if #fresh > 2 then steps[#steps + 1] = { command = entry, undo = function() return fresh end } end
if sum ~= '0' then steps[#steps + 1] = increment(finances, 'immature', sum) end
if final == '1' then
  steps[#steps + 1] = append(immature, { height, to })
  steps[#steps + 1] = { command = { 'ZREM', candidates, from }, undo = function() return { 'ZADD', candidates, here, from } end }
  if round ~= moved then steps[#steps + 1] = { command = { 'RENAME', round, moved } } end
  if plan ~= '' then steps[#steps + 1] = { command = { 'HDEL', moves, from } } end
end
local problem = run(steps)
if problem then return problem end
return { billed, DONE, unpack(bad) }
