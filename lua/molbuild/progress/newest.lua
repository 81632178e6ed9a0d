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
  for backwards in lines:sub(-SEEN):reverse():gmatch "[^\n]+" do
    local said = of(backwards:reverse())
    if said then
      return said
    end
  end
end

return newest
