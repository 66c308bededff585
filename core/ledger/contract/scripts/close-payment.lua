-- close-payment: ends a payment that was debited: what is pending becomes paid, or balance again. Once for a payment.
--
-- KEYS  1 <coin>:payments:lock  2 <coin>:payouts:open  3 <coin>:miners:<login>  4 <coin>:finances  5 <coin>:payments:pending
--       6 <coin>:payments:all  7 <coin>:payments:<login>
-- ARGV  1 who pays, as the lock has it   2 id of the payment   3 login   4 Shannon, as debited   5 paid, or balance   6 ts   7 hash of the transaction
-- Output  billed commands, then the code: 1 done  2 it was done before  0 the lock is not ours  3 the ledger knows no such payment
--         4 it was ended the other way before
-- Errors  Redis' own text; then nothing is written.
-- @prelude
local lock, open, miner, finances, pending, all, own = unpack(KEYS)
local holder, id, login, amount, target, ts, hash = unpack(ARGV)
local LOCKED, DONE, BEFORE, UNKNOWN, OTHERWISE = 0, 1, 2, 3, 4

local current = call('GET', lock)
if failed(current) then return current end
local marker = call('HGET', open, id)
if failed(marker) then return marker end
if not marker then return { billed, UNKNOWN } end
local entry = login .. ':' .. amount
if marker == target .. ':' .. entry then return { billed, BEFORE } end
if marker ~= 'debited:' .. entry then
  if string.sub(marker, -#entry - 1) == ':' .. entry then return { billed, OTHERWISE } end
  return { err = 'ERR payment ' .. id .. ' is another one: ' .. marker }
end
if current ~= holder then return { billed, LOCKED } end
local account = call('HMGET', miner, 'pending', target)
if failed(account) then return account end
local totals = call('HMGET', finances, 'pending', target)
if failed(totals) then return totals end
if not (whole(account[1]) and whole(account[2]) and whole(totals[1]) and whole(totals[2])) then return NOT_INTEGER end
local score = call('ZSCORE', pending, entry)
if failed(score) then return score end
local listed = call('ZCARD', all)
if failed(listed) then return listed end
local mine = call('ZCARD', own)
if failed(mine) then return mine end

local steps = {
  increment(miner, 'pending', '-' .. amount),
  increment(miner, target, amount),
  increment(finances, 'pending', '-' .. amount),
  increment(finances, target, amount),
}
if score then
  steps[#steps + 1] = { command = { 'ZREM', pending, entry }, undo = function() return { 'ZADD', pending, score, entry } end }
end
if target == 'paid' then
  steps[#steps + 1] = append(all, { ts, hash .. ':' .. entry })
  steps[#steps + 1] = append(own, { ts, hash .. ':' .. amount })
end
steps[#steps + 1] = { command = { 'HSET', open, id, target .. ':' .. entry } }
local problem = run(steps)
if problem then return problem end
return { billed, DONE }
