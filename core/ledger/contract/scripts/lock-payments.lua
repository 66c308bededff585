-- lock-payments: takes or gives back the right to pay out of this ledger.
--
-- KEYS  1 <coin>:payments:lock
-- ARGV  1 who pays: as the key holds it   2 take, or release
-- Output  billed commands, then the code: 1 done  0 somebody else holds it; then the holder, empty for none
-- Errors  Redis' own text; then nothing is written.
-- The reference's payer holds the same key while it pays ("login:amount") and does not begin while it is there: neither pays beside the other.
-- @prelude
local lock = KEYS[1]
local holder, action = ARGV[1], ARGV[2]
local OTHER, DONE = 0, 1

local current = call('GET', lock)
if failed(current) then return current end
if action == 'release' then
  if current == holder then call('DEL', lock) end
  if current and current ~= holder then return { billed, OTHER, current } end
  return { billed, DONE, '' }
end
if current and current ~= holder then return { billed, OTHER, current } end
if not current then call('SET', lock, holder) end
return { billed, DONE, holder }
