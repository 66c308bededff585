-- What every script begins with: the embedding puts this text, without this comment, where a script says "-- @prelude".
--
-- `run` carries out a list of steps and takes back the ones that were done when one fails. Redis does not roll a script back, and an
-- operator's wrong-typed key or a sum beyond 64 bits must not leave anything half written.
-- `add` sums decimal strings: a Lua number is a double and rounds beyond 2^53, a round's total does pass that.
-- `halves` and what follows it do the same faster, for a window of many shares: numbers below 10^28 as two halves of 14 digits.
-- `groups` is what the window's log is made of: texts of "login:difficulty,...", of at most so many logins each.

local billed = 1
local function call(...)
  billed = billed + 1
  return redis.pcall(...)
end
local function failed(reply) return type(reply) == 'table' and reply.err ~= nil end

local function run(steps)
  for i = 1, #steps do
    local step = steps[i]
    local reply = call(unpack(step.command))
    if failed(reply) then
      for j = i - 1, 1, -1 do
        local undo = steps[j].undo
        local back = undo and undo(steps[j].reply)
        if back then redis.pcall(unpack(back)) end
      end
      return reply
    end
    step.reply = reply
  end
  return nil
end
local function increment(key, field, by)
  return {
    command = { 'HINCRBY', key, field, by },
    undo = function()
      -- Back at 0 it was not there before. (The reply to the first HINCRBY would not tell: beyond 2^53 it is rounded.)
      local back = string.sub(by, 1, 1) == '-' and string.sub(by, 2) or '-' .. by
      local before = redis.pcall('HINCRBY', key, field, back)
      return before == 0 and { 'HDEL', key, field } or nil
    end,
  }
end
local function append(key, pairs_, option)
  local command, removal = { 'ZADD', key }, { 'ZREM', key }
  if option then command[3] = option end
  for i = 1, #pairs_, 2 do
    command[#command + 1] = pairs_[i]
    command[#command + 1] = pairs_[i + 1]
    removal[#removal + 1] = pairs_[i + 1]
  end
  -- Entries that were there before are not ours to remove.
  return { command = command, undo = function(added) return added == #pairs_ / 2 and removal or nil end }
end

local function chunk(digits, last)
  if last <= 0 then return 0 end
  return tonumber(string.sub(digits, math.max(1, last - 13), last))
end
local function add(a, b)
  local sum, carry, i, j = '', 0, #a, #b
  while i > 0 or j > 0 or carry > 0 do
    local part = chunk(a, i) + chunk(b, j) + carry
    carry = part >= 1e14 and 1 or 0
    sum = string.format('%014.0f', part - carry * 1e14) .. sum
    i, j = i - 14, j - 14
  end
  sum = string.gsub(sum, '^0+', '')
  if sum == '' then return '0' end
  return sum
end
local function natural(value) return string.find(value, '^%d+$') ~= nil end
local function fits(sum) return #sum < 19 or (#sum == 19 and sum <= '9223372036854775807') end
-- A sum that an increment of as many digits cannot overflow; nil and false (no such field) count as 0.
local function whole(value)
  return not value or value == '0' or (#value <= 18 and string.find(value, '^%-?[1-9]%d*$') ~= nil)
end
local NOT_INTEGER = { err = 'ERR hash value is not an integer' }
local OVERFLOW = { err = 'ERR increment or decrement would overflow' }

local BASE = 1e14
local function halves(digits)
  if #digits <= 14 then return 0, tonumber(digits) end
  return tonumber(string.sub(digits, 1, -15)) or 0, tonumber(string.sub(digits, -14))
end
local function plus(ah, al, bh, bl)
  local low = al + bl
  if low >= BASE then return ah + bh + 1, low - BASE end
  return ah + bh, low
end
local function digitsOf(high, low)
  return high > 0 and string.format('%.0f%014.0f', high, low) or string.format('%.0f', low)
end
local function less(ah, al, bh, bl) return ah < bh or (ah == bh and al < bl) end
-- Most groups are one share: then the parts stand at fixed places. Else nil.
local function lone(group)
  if string.find(group, ',', 43, true) then return nil end
  return string.sub(group, 1, 42), string.sub(group, 44)
end
local function groupTotal(group)
  local _, all = lone(group)
  if all then return halves(all) end
  local high, low = 0, 0
  for diff in string.gmatch(group, ':(%d+)') do high, low = plus(high, low, halves(diff)) end
  return high, low
end
local GROUP_LOGINS = 1000
local function groups(pairs_)
  local worked, texts = {}, {}
  for i = 1, #pairs_, 2 do
    if natural(pairs_[i + 1]) and pairs_[i + 1] ~= '0' then worked[#worked + 1] = pairs_[i] .. ':' .. pairs_[i + 1] end
  end
  table.sort(worked)
  for i = 1, #worked, GROUP_LOGINS do
    texts[#texts + 1] = table.concat(worked, ',', i, math.min(i + GROUP_LOGINS - 1, #worked))
  end
  return texts
end
