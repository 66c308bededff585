-- debit-payment: takes an amount from a login's balance into what is pending, once for a payment.
--
-- KEYS  1 <coin>:payments:lock  2 <coin>:payouts:open  3 <coin>:miners:<login>  4 <coin>:finances  5 <coin>:payments:pending
-- ARGV  1 who pays, as the lock has it   2 id of the payment   3 login   4 Shannon above 0, at most 18 digits   5 ts
--       6 what the login's paid and pending have to be together at least
-- Output  billed commands, then the code: 1 done  2 it was done before  0 the lock is not ours  3 the balance is less
--         4 paid and pending are less than ARGV 6: the ledger is older than the payer   5 another payment of the login is pending
--         then, for 1, 3 and 4, the balance, or paid and pending together, as found
-- Errors  Redis' own text; then nothing is written.
-- The payment's id in KEYS[2], with login and amount, is what makes a repetition harmless.
-- @prelude
local lock, open, miner, finances, pending = unpack(KEYS)
local holder, id, login, amount, ts, least = unpack(ARGV)
local LOCKED, DONE, BEFORE, POOR, OLDER, BUSY = 0, 1, 2, 3, 4, 5
local function less(a, b)
  if string.sub(a, 1, 1) == '-' then return true end
  return #a < #b or (#a == #b and a < b)
end

local current = call('GET', lock)
if failed(current) then return current end
local marker = call('HGET', open, id)
if failed(marker) then return marker end
local entry = login .. ':' .. amount
if marker then
  if string.sub(marker, -#entry - 1) ~= ':' .. entry then return { err = 'ERR payment ' .. id .. ' is another one: ' .. marker } end
  return { billed, BEFORE }
end
if current ~= holder then return { billed, LOCKED } end
local account = call('HMGET', miner, 'balance', 'pending', 'paid')
if failed(account) then return account end
local totals = call('HMGET', finances, 'balance', 'pending')
if failed(totals) then return totals end
if not (natural(amount) and amount ~= '0' and whole(amount) and whole(totals[1]) and whole(totals[2])) then return NOT_INTEGER end
for i = 1, 3 do
  if not whole(account[i]) then return NOT_INTEGER end
end
local had, paid = account[2] or '0', account[3] or '0'
if not (natural(had) and natural(paid)) then return NOT_INTEGER end
local gone = add(had, paid)
if less(gone, least) then return { billed, OLDER, gone } end
local balance = account[1] or '0'
if less(balance, amount) then return { billed, POOR, balance } end
if had ~= '0' then return { billed, BUSY } end
local listed = call('ZCARD', pending)
if failed(listed) then return listed end

local problem = run({
  increment(miner, 'balance', '-' .. amount),
  increment(miner, 'pending', amount),
  increment(finances, 'balance', '-' .. amount),
  increment(finances, 'pending', amount),
  append(pending, { ts, entry }),
  { command = { 'HSET', open, id, 'debited:' .. entry } },
})
if problem then return problem end
return { billed, DONE, gone }
