-- trim-window: forgets the oldest groups of the window's log, which no block can pay any more.
--
-- KEYS  1 <coin>:shares:window   ARGV  1 difficulty that is kept: the newest groups that reach it, the one that crosses it included
-- Output  billed commands, then how many groups were forgotten, and how many are left
-- Errors  Redis' own text; then nothing is written.
-- @prelude
local log = call('LRANGE', KEYS[1], 0, -1)
if failed(log) then return log end
local keepHigh, keepLow = halves(ARGV[1])
-- Thousands of lone shares are alike, and read once.
local high, low, at, alike = 0, 0, #log, {}
while at > 0 and less(high, low, keepHigh, keepLow) do
  local group = log[at]
  local known = alike[group]
  if not known then
    known = { groupTotal(group) }
    if lone(group) then alike[group] = known end
  end
  high, low = plus(high, low, known[1], known[2])
  at = at - 1
end
if at > 0 then
  local trimmed = call('LTRIM', KEYS[1], at, -1)
  if failed(trimmed) then return trimmed end
end
return { billed, at, #log - at }
