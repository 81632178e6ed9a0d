-- Selects the line of a child's output that is shown next to a runtime's step.

local newest = {}

-- The builders' own lines; the step's text says more.
local CHATTER = {
  ["#"] = { "^sha256:%x+$", "^DONE", "^CACHED", "^%.%.%.$" },
  [" "] = { "^ %-%-%->" },
  S = { "^Step %d+/%d+ : " },
  R = { "^Removing intermediate container " },
}

-- More bytes than a line can have.
local SEEN = 32 * 1024
local NEWLINE = 10

-- A line's text without BuildKit's prefix `#9 1.417 `, or nil when the text carries no information.
local function of(line)
  local chatter = CHATTER[line:sub(1, 1)]
  if chatter then
    line = line:gsub("^#%d+ ", ""):gsub("^%d+%.%d+ ", "")
    for _, pattern in ipairs(chatter) do
      if line:find(pattern) then
        return nil
      end
    end
  end
  return line:match "^%s*(.*%S)"
end

--- The last informative line of a text, without the builder's prefix.
---@param lines string  each line ends in a newline
---@return string?  nil when there is none
function newest.among(lines)
  local stop, first = #lines, math.max(1, #lines - SEEN + 1)
  -- Byte by byte from the end, so that the earlier text, which may be long, is not copied.
  while stop >= first do
    local start = stop
    while start > first and lines:byte(start - 1) ~= NEWLINE do
      start = start - 1
    end
    local said = of(lines:sub(start, stop - 1))
    if said then
      return said
    end
    stop = start - 1
  end
end

return newest
