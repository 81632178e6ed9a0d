-- What of an output line is worth a place beside a runtime's step.

local newest = {}

-- What the builders print of themselves; the step's own text says more.
local CHATTER = {
  ["#"] = { "^sha256:%x+$", "^DONE", "^CACHED", "^%.%.%.$" },
  [" "] = { "^ %-%-%-> " },
  S = { "^Step %d+/%d+ : " },
  R = { "^Removing intermediate container " },
}

--- The text of a line without BuildKit's `#9 1.417 ` before it, or nil when it says nothing.
---@param line string
---@return string?
function newest.of(line)
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

return newest
