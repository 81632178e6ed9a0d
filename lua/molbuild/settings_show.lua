--- The settings of a policy, as `molbuild settings` prints them.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local encode = require "molbuild.progress.encode"
local settings = require "molbuild.base.settings"
local text = require "molbuild.base.text"

local settings_show = {}

-- A value for the text table.
local function shown(entry)
  local value = entry.value
  if entry.row[3] == "secret" then
    return entry.origin ~= "default" and "(set)" or "-"
  elseif value == nil or type(value) == "table" and next(value) == nil then
    return "-"
  elseif type(value) == "table" then
    local words = {}
    for name, item in pairs(value) do
      item = type(item) == "table" and (item.env or item.file or table.concat(item, " ")) or item
      words[#words + 1] = math.type(name) and item or name .. "=" .. item
    end
    table.sort(words)
    return table.concat(words, ", ")
  elseif type(value) == "boolean" then
    return tostring(value)
  elseif math.type(value) then
    return ("%.14g"):format(value)
  end
  return value:find "://" and core.mask.url(value) or value
end

--- The settings as a text table: name, value, and source of each.
---@param list molbuild.SettingValue[]  as of settings.list
---@return string
function settings_show.text(list)
  local rows, widths = { { "setting", "value", "from" } }, { 0, 0 }
  for index, entry in ipairs(list) do
    local from = entry.origin
    if entry.origin == "variable" or entry.where:find(".", 1, true) then
      from = ("%s %s"):format(from, entry.where)
    end
    rows[index + 1] = { entry.row[1], text.shown(shown(entry)), from }
  end
  for _, row in ipairs(rows) do
    for column = 1, 2 do
      widths[column] = math.max(widths[column], #row[column])
    end
  end
  local lines = {}
  for index, row in ipairs(rows) do
    lines[index] = ("%-" .. widths[1] .. "s  %-" .. math.min(widths[2], 40) .. "s  %s\n"):format(row[1], row[2], row[3])
  end
  return table.concat(lines)
end

--- The settings as JSON: one object per line.
---@param list molbuild.SettingValue[]  as of settings.list
---@return string
function settings_show.json(list)
  local lines = {}
  for index, entry in ipairs(list) do
    local row = entry.row
    local object = {
      name = row[1], origin = entry.origin, where = entry.where, variable = row.variable, type = row[3], text = row[4],
      set = row[3] == "secret" and entry.origin ~= "default" or nil, value = row[3] ~= "secret" and entry.value or nil,
    }
    if type(object.value) == "string" and object.value:find "://" then
      object.value = core.mask.url(object.value)
    end
    lines[index] = encode.object(object, { "name", "value", "origin" }) .. "\n"
  end
  return table.concat(lines)
end

local function check_runtime(policy, runtime)
  if not text.is_one_of(runtime, policy.runtimes) then
    errors.raise {
      kind = "usage",
      message = ('unknown runtime "%s" (one of %s)'):format(text.shown(runtime), table.concat(policy.runtimes, ", ")),
    }
  end
end

--- The output of `molbuild settings` for a policy.
---@param policy table
---@param path string  the policy's file, for messages
---@param runtime string?  the policy's general values when absent
---@param json boolean
---@return string
---@raise usage | bug
function settings_show.policy(policy, path, runtime, json)
  if type(policy.settings) ~= "table" then
    errors.raise { kind = "usage", message = path .. " declares no settings" }
  elseif runtime then
    check_runtime(policy, runtime)
  end
  local list = settings.list(policy, runtime)
  return json and settings_show.json(list) or settings_show.text(list)
end

return settings_show
