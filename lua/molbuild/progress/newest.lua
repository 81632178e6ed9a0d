-- What of a child's output is worth a place beside a runtime's step.

local newest = {}

-- What the builders print of themselves; the step's own text says more.
local CHATTER = {
  ["#"] = { "^sha256:%x+$", "^DONE", "^CACHED", "^%.%.%.$" },
  [" "] = { "^ %-%-%->" },
  S = { "^Step %d+/%d+ : " },
  R = { "^Removing intermediate container " },
}

-- More than a line can have.
local SEEN = 32 * 1024
local NEWLINE = 10

-- The text of a line without BuildKit's `#9 1.417 ` before it, or nil when it says nothing.
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

--- The last of some lines that says something, without what the builder puts before it.
---@param lines string  a newline behind each
---@return string?  nil when none does
function newest.among(lines)
  local stop, first = #lines, math.max(1, #lines - SEEN + 1)
  -- Byte by byte from the end: what lies before it, which may be much, is not even copied.
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
