-- Small text functions that all renderers share.

local text = {}

--- Text with each byte that is not valid UTF-8 replaced.
---@param s string
---@param replacement string  for each byte
---@return string
function text.valid(s, replacement)
  local parts, from = {}, 1
  local ok, bad = utf8.len(s)
  while not ok do
    parts[#parts + 1] = s:sub(from, bad - 1) .. replacement
    from = bad + 1
    ok, bad = utf8.len(s, from)
  end
  return #parts == 0 and s or table.concat(parts) .. s:sub(from)
end

-- C1 control characters, and characters that change the direction of what follows. They are replaced, not removed:
-- removing bytes could join two halves to a new character.
local STEERING = { "\xC2[\x80-\x9F]", "\xE2\x80[\xAA-\xAE]", "\xE2\x81[\xA6-\xA9]" }

local function harmless(s)
  if not s:find "[\x80-\xFF]" then
    return s
  end
  s = text.valid(s, "?")
  for _, pattern in ipairs(STEERING) do
    s = s:gsub(pattern, "?")
  end
  return s
end

--- Text with a question mark for each control character and each other character that could steer a terminal.
---@param s string
---@return string
function text.printable(s)
  return harmless((s:gsub("%c", "?")))
end

local SHOWN_MAX = 200 -- bytes of a name in a message

--- An untrusted name, for a message: printable, on one line, bounded in length.
---@param name any
---@return string
function text.shown(name)
  local shown = text.printable(tostring(name))
  if #shown > SHOWN_MAX then
    shown = shown:sub(1, (utf8.offset(shown, 0, SHOWN_MAX + 1) or SHOWN_MAX + 1) - 1) .. "..."
  end
  return shown
end

--- Text as one line that cannot steer a terminal: a line end becomes " | ", a tab a space, control characters are removed.
---@param s any
---@return string
function text.one_line(s)
  s = tostring(s)
  if s:find "%c" then
    s = s:gsub("[\r\n]+", " | "):gsub(" | $", ""):gsub("\t", " "):gsub("%c", "")
  end
  return harmless(s)
end

--- A text that is not empty; nil for any other value. What programs and servers leave out may be missing, null or "".
---@param value any
---@return string?
function text.said(value)
  return type(value) == "string" and value ~= "" and value or nil
end

--- Whether a word is in a list of words.
---@param word any
---@param words string[]
---@return boolean
function text.is_one_of(word, words)
  for _, each in ipairs(words) do
    if each == word then
      return true
    end
  end
  return false
end

--- The beginning of a text, not cut within a character.
---@param s string
---@param bytes integer  the most bytes; less than 0 counts as 0
---@return string
function text.cut(s, bytes)
  local stop = math.max(0, math.min(bytes, #s))
  while stop > 0 and stop < #s and s:byte(stop + 1) & 0xC0 == 0x80 do
    stop = stop - 1
  end
  return s:sub(1, stop)
end

--- Parse a number that a person wrote: decimal digits, with or without a fraction, of any size, with or without
--- surrounding blanks. nil for anything else: a sign, an exponent, a unit, words such as "inf".
---@param s string
---@return number?
function text.number(s)
  return tonumber((s:match "^%s*(%d+%.?%d*)%s*$"))
end

--- `3s`, `1m12s`, `1h02m`.
---@param seconds number
---@return string
function text.duration(seconds)
  local whole = math.max(0, math.floor(seconds))
  if whole < 60 then
    return ("%ds"):format(whole)
  end
  if whole < 3600 then
    return ("%dm%02ds"):format(whole // 60, whole % 60)
  end
  return ("%dh%02dm"):format(whole // 3600, whole % 3600 // 60)
end

local BAR_CELLS = 9

--- `[####-----]` for 4 of 9.
---@param done integer
---@param total integer  greater than 0
---@return string
function text.bar(done, total)
  local full = math.max(0, math.min(BAR_CELLS, done * BAR_CELLS // total))
  return "[" .. ("#"):rep(full) .. ("-"):rep(BAR_CELLS - full) .. "]"
end

return text
