-- change-settings: writes what a miner has signed, once.
--
-- KEYS  1 <coin>:settings:<login>  2 <coin>:hidden  3 <coin>:solo  4 <coin>:notified
-- ARGV  1 login   2 nonce of the change before this one, 0 for none   3 nonce of this one
--       4 payout threshold in Shannon; empty: the pool's   5 hidden: 1 or 0   6 solo: 1, 0, or empty where it is not the miner's to choose
--       7 where it is told of its rigs; none: nowhere, empty: as before
-- Output  billed commands, then the code: 1 done  0 another change came before; then the nonce of the last one
-- Errors  Redis' own text; then nothing is written.
-- @prelude
local settings, hidden, solo, notified = unpack(KEYS)
local login, before, nonce, threshold, hide, alone, targets = unpack(ARGV)
local OTHER, DONE = 0, 1

local last = call('HGET', settings, 'nonce')
if failed(last) then return last end
if (last or '0') ~= before then return { billed, OTHER, last or '0' } end

local function member(key, wanted)
  if wanted == '1' then
    return { command = { 'SADD', key, login }, undo = function(added) return added == 1 and { 'SREM', key, login } or nil end }
  end
  return { command = { 'SREM', key, login }, undo = function(removed) return removed == 1 and { 'SADD', key, login } or nil end }
end
local steps = { member(hidden, hide) }
if alone ~= '' then steps[#steps + 1] = member(solo, alone) end
if targets ~= '' then steps[#steps + 1] = member(notified, targets == 'none' and '0' or '1') end
-- The key is a hash, or is not there: what follows cannot fail.
local fields = { 'HSET', settings, 'nonce', nonce }
if threshold == '' then
  steps[#steps + 1] = { command = { 'HDEL', settings, 'payoutthreshold' } }
else
  fields[#fields + 1] = 'payoutthreshold'
  fields[#fields + 1] = threshold
end
if targets == 'none' then
  steps[#steps + 1] = { command = { 'HDEL', settings, 'notifications' } }
elseif targets ~= '' then
  fields[#fields + 1] = 'notifications'
  fields[#fields + 1] = targets
end
steps[#steps + 1] = { command = fields }
local problem = run(steps)
if problem then return problem end
return { billed, DONE, nonce }
