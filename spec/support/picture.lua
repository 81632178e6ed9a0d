--- A recorded run: three small templates, built on a real engine with --jobs=2, as --progress=json printed it
-- (spec/support/picture.jsonl). README.md and docs/reference.md show what the renderers make of it.
local cjson = require "cjson"

local picture = {}

-- Seconds from the start of the run.
local MIDDLE = 9

local all
local function read()
  if not all then
    all = {}
    for line in io.lines "spec/support/picture.jsonl" do
      all[#all + 1] = cjson.decode(line)
    end
  end
  return all
end

--- The unix time of a moment.
---@param moment "in the middle"|"at the end"
---@return number
function picture.time(moment)
  local list = read()
  return moment == "in the middle" and list[1].time + MIDDLE or list[#list].time
end

--- The events up to the middle, or those from there to the end.
---@param moment "in the middle"|"at the end"
---@return table[]
function picture.events(moment)
  local chosen, middle = {}, picture.time "in the middle"
  for _, e in ipairs(read()) do
    if (e.time <= middle) == (moment == "in the middle") then
      chosen[#chosen + 1] = e
    end
  end
  return chosen
end

local PAGES = { "README.md", "docs/reference.md" }

--- The picture on one of the pages, below the comment <!-- picture: NAME -->.
---@param name string
---@return string[]
function picture.on_page(name)
  local text = ""
  for _, path in ipairs(PAGES) do
    local file = assert(io.open(path))
    text = text .. file:read "a"
    file:close()
  end
  local _, from = text:find(("<!-- picture: %s -->\n```\n"):format(name), 1, true)
  local lines = {}
  for line in text:sub(assert(from, "no picture " .. name) + 1):gmatch "([^\n]*)\n" do
    if line == "```" then
      return lines
    end
    lines[#lines + 1] = line
  end
end

return picture
