-- settle-owed: gives a login what was set aside for it while its account could not be written.
--
-- KEYS  1 <coin>:unlocker:owed  2 <coin>:finances  3 <coin>:miners:<login>
-- ARGV  1 login
-- Output  billed commands, then the code: 1 done  2 nothing is owed  0 its account still cannot be written
-- Errors  Redis' own text; then nothing is written.
-- @prelude
local owed, finances, miner = unpack(KEYS)
local login = ARGV[1]
local STILL, DONE, NOTHING = 0, 1, 2

local names = { 'immature', 'balance' }
local debts = call('HMGET', owed, login .. ':immature', login .. ':balance')
if failed(debts) then return debts end
if not debts[1] and not debts[2] then return { billed, NOTHING } end
local totals = call('HMGET', finances, 'immature', 'balance')
if failed(totals) then return totals end
local account = call('HMGET', miner, 'immature', 'balance')
if failed(account) then return { billed, STILL } end
local gone, back, steps = { 'HDEL', owed }, { 'HSET', owed }, {}
for i, name in ipairs(names) do
  if debts[i] then
    if not (whole(debts[i]) and whole(totals[i])) then return NOT_INTEGER end
    if not whole(account[i]) then return { billed, STILL } end
    gone[#gone + 1] = login .. ':' .. name
    back[#back + 1] = login .. ':' .. name
    back[#back + 1] = debts[i]
    if debts[i] ~= '0' then
      steps[#steps + 1] = increment(miner, name, debts[i])
      steps[#steps + 1] = increment(finances, name, debts[i])
    end
  end
end
steps[#steps + 1] = { command = gone, undo = function() return back end }
local problem = run(steps)
if problem then return problem end
return { billed, DONE }
