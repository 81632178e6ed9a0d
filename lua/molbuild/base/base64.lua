--- Base64 with the usual alphabet.
local base64 = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- A text as base64, padded.
---@param data string
---@return string
function base64.encode(data)
  local out = {}
  for at = 1, #data, 3 do
    local a, b, c = data:byte(at, at + 2)
    local bits = a << 16 | (b or 0) << 8 | (c or 0)
    for place = 0, 3 do
      local digit = bits >> (18 - 6 * place) & 63
      local absent = place == 2 and not b or place == 3 and not c
      out[#out + 1] = absent and "=" or DIGITS:sub(digit + 1, digit + 1)
    end
  end
  return table.concat(out)
end

local known_values

-- By byte: the value of a digit.
local function values()
  if not known_values then
    known_values = {}
    for at = 1, #DIGITS do known_values[DIGITS:byte(at)] = at - 1 end
  end
  return known_values
end

--- What a padded base64 text stands for; nil when it is none. Line ends must have been removed.
---@param text string
---@return string?
function base64.decode(text)
  local digits, padding = text:match "^([%w+/]*)(=?=?)$"
  if not digits or (#digits + #padding) % 4 ~= 0 then return nil end
  local out, value_of = {}, values()
  for at = 1, #digits, 4 do
    local bits, count = 0, 0
    for place = 0, 3 do
      local value = value_of[digits:byte(at + place)]
      bits, count = bits << 6 | (value or 0), count + (value and 1 or 0)
    end
    out[#out + 1] = string.char(bits >> 16 & 255, bits >> 8 & 255, bits & 255):sub(1, count - 1)
  end
  return table.concat(out)
end

return base64
