-- Small pieces of text that every rendering shares.

local text = {}

--- Text as one line that cannot steer a terminal: line ends become " | ", tabs a space, control characters go.
---@param s any
---@return string
function text.one_line(s)
  s = tostring(s)
  if not s:find("[%c\xC2]") then
    return s
  end
  -- C1 last, and replaced instead of removed: taking a byte out could join two halves to a new control character.
  s = s:gsub("[\r\n]+", " | "):gsub(" | $", ""):gsub("\t", " "):gsub("%c", ""):gsub("\xC2[\x80-\x9F]", "?")
  return s
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
---@param total integer  more than 0
---@return string
function text.bar(done, total)
  local full = math.max(0, math.min(BAR_CELLS, done * BAR_CELLS // total))
  return "[" .. ("#"):rep(full) .. ("-"):rep(BAR_CELLS - full) .. "]"
end

return text
