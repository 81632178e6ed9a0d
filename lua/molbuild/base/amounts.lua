--- Sizes, ages and dates: as people write them, and as they are shown.
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local amounts = {}

-- Decimal units are powers of 1000, as docker and disks use them; those with an "i" are powers of 1024.
local BYTES = { b = 1 }
for power, letter in ipairs { "k", "m", "g", "t", "p" } do
  BYTES[letter], BYTES[letter .. "b"] = 1000 ^ power, 1000 ^ power
  BYTES[letter .. "i"], BYTES[letter .. "ib"] = 1024 ^ power, 1024 ^ power
end

local SECONDS = { s = 1, m = 60, h = 3600, d = 86400, w = 7 * 86400 }

local function product(word, units)
  local number, unit = word:match "^%s*(%d+%.?%d*)%s*(%a*)%s*$"
  local factor = number and units[unit:lower()]
  local value = factor and tonumber(number) * factor
  return value and value < 2 ^ 62 and math.floor(value + 0.5) or nil
end

local function refuse(where, word, example)
  errors.raise { kind = "usage", message = ('%s must be %s, not "%s"'):format(where, example, text.shown(word)) }
end

-- An amount that a person or a policy gives. A text needs a unit: who writes "--older-than=30" means days, and "--free=20"
-- gigabytes. Only 0 is the same in all units. A number of Lua has the base unit.
local function given(word, units, base)
  local is_bare = type(word) == "number" or tostring(word):find "^%s*0%s*$"
  return product(is_bare and word .. base or tostring(word), units)
end

--- The bytes of a size: "20GB", "512 MB", "1.5TiB", "0"; or a number of bytes.
---@param word string|number
---@param where string  named in the message
---@return integer bytes
---@raise usage
function amounts.bytes(word, where)
  return given(word, BYTES, "b") or refuse(where, word, "a size, such as 20GB or 512MiB")
end

--- The seconds of an age: "30d", "12h", "90m", "2w", "0"; or a number of seconds.
---@param word string|number
---@param where string  named in the message
---@return integer seconds
---@raise usage
function amounts.seconds(word, where)
  return given(word, SECONDS, "s") or refuse(where, word, "an age, such as 30d or 12h")
end

--- The bytes of a size that a program has printed, such as "11.5kB". nil when it is none.
---@param word any
---@return integer?
function amounts.printed(word)
  return type(word) == "string" and product(word, BYTES) or nil
end

local NAMES = { "B", "kB", "MB", "GB", "TB", "PB" }

--- A size for people: `7 B`, `1.2 kB`, `3.4 GB`.
---@param bytes number  may be negative
---@return string
function amounts.size(bytes)
  local value, unit = math.abs(bytes), 1
  while value >= 999.5 and unit < #NAMES do
    value, unit = value / 1000, unit + 1
  end
  local digits = (unit == 1 or value >= 99.95) and "%s%.0f %s" or "%s%.1f %s"
  return digits:format(bytes < 0 and "-" or "", value, NAMES[unit])
end

local STEPS = { { 2 * 86400, 86400, "d" }, { 2 * 3600, 3600, "h" }, { 120, 60, "m" } }

--- An age for people, by its largest unit: `45s`, `90m`, `30h`, `12d`.
---@param seconds number  less than 0 counts as 0
---@return string
function amounts.age(seconds)
  for _, step in ipairs(STEPS) do
    if seconds >= step[1] then return ("%d%s"):format(seconds // step[2], step[3]) end
  end
  return ("%ds"):format(math.max(0, seconds // 1))
end

--- The days from 1970-01-01 to a day of the Gregorian calendar.
---@param year integer
---@param month integer
---@param day integer
---@return integer
function amounts.days(year, month, day)
  -- Years are counted from March, so that the leap day is last.
  local y, m = month > 2 and year or year - 1, (month + 9) % 12
  return 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + day - 719469
end

--- A time as a date in the form of RFC 3339, in UTC: "2026-11-26T02:46:50Z".
---@param seconds integer?  since 1970; now when absent
---@return string
function amounts.date(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

local MONTHS = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_date(month, day, hour, minute, second)
  return MONTHS[month] and day >= 1 and day <= MONTHS[month] and hour < 24 and minute < 60 and second <= 60
end

--- The time of a date in the form of RFC 3339, such as "2026-11-26T02:46:50.123Z".
---@param date any
---@return integer? seconds  since 1970; nil when it is no such date
function amounts.time(date)
  local pattern = "^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)%.?%d*(.*)$"
  local fields = table.pack((type(date) == "string" and date or ""):match(pattern))
  local zone = fields[7]
  if not zone then return nil end
  for index = 1, 6 do fields[index] = math.tointeger(tonumber(fields[index])) end
  local year, month, day, hour, minute, second = table.unpack(fields, 1, 6)
  local sign, hours, minutes = zone:match "^([+-])(%d%d):(%d%d)$"
  if not is_date(month, day, hour, minute, second) or not sign and zone:upper() ~= "Z" then return nil end
  local offset = sign and (tonumber(hours) * 3600 + tonumber(minutes) * 60) * (sign == "-" and -1 or 1) or 0
  return math.tointeger(amounts.days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset)
end

return amounts
