--- The parts of pages that are made from the tables of ensure.lua, and from docs/examples. `make docs` writes them; a spec
--- compares.
local expect = require "molbuild.base.expect"

local pages = {}

local function default_of(row)
  if row.shown_default then
    return row.shown_default
  elseif row[2] == nil or type(row[2]) == "table" then
    return ""
  end
  return math.type(row[2]) and ("%.14g"):format(row[2]) or tostring(row[2])
end

local function code(text) return text and "`" .. text .. "`" or "" end

local function markdown(rows)
  local lines = { "| setting | variable | default | per runtime | |", "| --- | --- | --- | --- | --- |" }
  for _, row in ipairs(rows) do
    local default = type(row[2]) == "table" and "{}" or default_of(row)
    lines[#lines + 1] = ("| `%s` | %s | %s | %s | %s |"):format(row[1], code(row.variable), default ~= "" and not row.shown_default
      and code(default) or default, row.per_runtime == "only" and "only" or row.per_runtime and "yes" or "", row[4])
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

-- The fields of a job, other than the settings.
local function job_fields(rows)
  local lines = { "| field | type | |", "| --- | --- | --- |" }
  for _, row in ipairs(rows.job) do
    lines[#lines + 1] = ("| `%s` | `%s` | %s |"):format(row[1], row[2], row[3])
  end
  return lines
end

-- What the functions of the policy get and must give.
local function functions(rows)
  local lines = { "| function | must give | |", "| --- | --- | --- |" }
  for _, row in ipairs(require("molbuild").load "scripts/ensure-functions.lua") do
    local gives = rows.gives[row[1]]
    lines[#lines + 1] = ("| `%s(%s)` | %s | %s |"):format(row[1], row[2], gives and expect.name_of(gives) or "", row[3])
  end
  return lines
end

-- The functions that a fork may add, in the order of their names.
local function hooks(rows)
  local lines = {}
  for name, meaning in pairs(rows.hooks) do
    local text, call = meaning:match "^(.*): (%l+%(.*%))$"
    lines[#lines + 1] = ("| `%s` | %s |"):format(call or name, text or meaning)
  end
  table.sort(lines)
  return table.move(lines, 1, #lines, 3, { "| function | |", "| --- | --- |" })
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

-- A policy of docs/examples, as it is.
local function example(name)
  return function() return { "```lua", (read("docs/examples/" .. name):gsub("\n$", "")), "```" } end
end

local function part(path, what, make)
  return { path, make, ("<!-- %s: made by make docs -->"):format(what), ("<!-- end of %s -->"):format(what) }
end

--- The policies of docs/examples that the page of policies shows.
pages.examples = {
  "build-arg.lua", "extra-runtime.lua", "mirror.lua", "own-host.lua", "private-index.lua", "smoke.lua", "scanner.lua", "size.lua",
  "push.lua", "tidy.lua", "webhook.lua", "pull-first.lua", "dependent.lua", "fork-of-fork.lua",
}

local POLICY = "docs/policy.md"

local PARTS = {
  part("docs/settings.md", "settings", markdown),
  { "docs/molbuild.1", manual, '.\\" settings: made by make docs', '.\\" end of settings' },
  part(POLICY, "settings", markdown), part(POLICY, "functions", functions), part(POLICY, "hooks", hooks),
  part(POLICY, "job fields", job_fields),
}
for _, name in ipairs(pages.examples) do PARTS[#PARTS + 1] = part(POLICY, name, example(name)) end

-- A text with the part between its two marks made again.
local function with_part(text, path, make, first, last, rows)
  local _, from = text:find(first .. "\n", 1, true)
  local to = text:find(last, from or 1, true)
  assert(from and to, ("%s has no marks %s"):format(path, first))
  return text:sub(1, from) .. table.concat(make(rows), "\n") .. "\n" .. text:sub(to)
end

--- Each page as it should be: path, and its text with the parts between its marks made again.
---@return { path: string, text: string, is: string }[]
function pages.list()
  local rows, list, by_path = require("molbuild").load("scripts/ensure.lua").settings, {}, {}
  for _, entry in ipairs(PARTS) do
    local path, make, first, last = table.unpack(entry)
    local page = by_path[path]
    if not page then
      page = { path = path, is = read(path) }
      page.text, by_path[path], list[#list + 1] = page.is, page, page
    end
    page.text = with_part(page.text, path, make, first, last, rows)
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
