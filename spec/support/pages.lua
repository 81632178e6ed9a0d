--- The pages that list the settings of ensure.lua, made from its table. `make docs` writes them; a spec compares.
local pages = {}

local function default_of(row)
  if row.shown_default then
    return row.shown_default
  elseif row[2] == nil or type(row[2]) == "table" then
    return ""
  end
  return math.type(row[2]) and ("%.14g"):format(row[2]) or row[2]
end

local function code(text) return text and "`" .. text .. "`" or "" end

local function markdown(rows)
  local lines = { "| setting | variable | default | per runtime | |", "| --- | --- | --- | --- | --- |" }
  for _, row in ipairs(rows) do
    local default = type(row[2]) == "table" and "{}" or default_of(row)
    lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s |"):format(row[1], code(row.variable), default ~= "" and not row.shown_default
      and code(default) or default, row.per_runtime and "yes" or "", row[4])
  end
  return lines
end

local function manual(rows)
  local lines = {}
  for _, row in ipairs(rows) do
    if row.variable then
      local default = default_of(row)
      lines[#lines + 1] = ".TP"
      lines[#lines + 1] = ".B " .. row.variable
      lines[#lines + 1] = (row[4]:sub(1, 1):upper() .. row[4]:sub(2)):gsub("%-", "\\-") .. "."
      if default ~= "" then
        lines[#lines + 1] = ("Default: %s."):format((default:gsub("%-", "\\-")))
      end
    end
  end
  return lines
end

local PAGES = {
  { "docs/settings.md", markdown, "<!-- settings: made by make docs -->", "<!-- end of settings -->" },
  { "docs/molbuild.1", manual, '.\\" settings: made by make docs', '.\\" end of settings' },
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

--- Each page as it should be: path, and its text with the part between its two marks made again.
---@return { path: string, text: string, is: string }[]
function pages.list()
  local rows, list = require("molbuild").load("scripts/ensure.lua").settings, {}
  for index, page in ipairs(PAGES) do
    local path, make, first, last = table.unpack(page)
    local is = read(path)
    local _, from = is:find(first .. "\n", 1, true)
    local to = is:find(last, from or 1, true)
    assert(from and to, path .. " has no marks around the settings")
    local text = is:sub(1, from) .. table.concat(make(rows), "\n") .. "\n" .. is:sub(to)
    list[index] = { path = path, text = text, is = is }
  end
  return list
end

--- Write the pages that differ.
function pages.write()
  for _, page in ipairs(pages.list()) do
    if page.text ~= page.is then
      local file = assert(io.open(page.path, "wb"))
      assert(file:write(page.text))
      assert(file:close())
      print("wrote " .. page.path)
    end
  end
end

return pages
