--- The settings of a policy. One table of rows defines each setting's name, default, type, variable and meaning. From it
--- come the values that the steps use, the output of `molbuild settings`, and the tables of README, manual and docs.
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local maps = require "molbuild.base.maps"
local names = require "molbuild.base.names"
local seal = require "molbuild.base.seal"
local task = require "molbuild.base.task"
local words = require "molbuild.base.text"

local settings = {}

---@class molbuild.Setting
---@field [1] string  the name: a field of the policy, and of a job
---@field [2] any  the default; nil: none
---@field [3] string  the type, a key of TYPES below
---@field [4] string  what it is, in one line
---@field variable string?  the environment variable that overrides the policy
---@field per_runtime boolean?  whether `per_runtime` may set it
---@field bound string?  the library's option that the setting bounds, as in failure.bound
---@field choices string[]?  for the type choice
---@field min number?
---@field max number?
---@field zero number?  what 0 stands for in a job: math.huge, no bound
---@field shown_default string?  the default in words, if it depends on the machine
---@field fields table[]?  for the type options: see option_table.lua
---@field replaces string?  a former name of it in the policy, which is refused

---@class molbuild.SettingValue
---@field row molbuild.Setting
---@field value any
---@field origin "default"|"fork"|"variable"
---@field where string  its place, for messages: a variable, "ceiling", "per_runtime.hermes.ceiling"

local function misuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

-- A setting from a variable is text; one from a fork has its type already.
local function number(value, row, where, from_variable)
  if from_variable then
    value = env.number(where)
  end
  local whole = row[3] ~= "seconds"
  local wanted = whole and "a whole number" or "a number of seconds"
  local good = math.type(value) ~= nil and not (whole and value ~= math.floor(value))
  if not good or value < (row.min or 0) or value > (row.max or math.huge) then
    local bounds = (row.min or 0) > 0 and (" of at least %g"):format(row.min) or ""
    bounds = row.max and bounds .. (" of at most %g"):format(row.max) or bounds
    misuse('%s must be %s%s, not "%s"', where, wanted, bounds, words.shown(value))
  end
  return value
end

local function text(value, _, where)
  if type(value) ~= "string" or value == "" then
    misuse("%s must be a text, not %s", where, type(value) == "string" and "empty" or "a " .. type(value))
  end
  return value
end

local function choice(value, row, where)
  if not words.is_one_of(value, row.choices) then
    misuse('%s must be %s, not "%s"', where, table.concat(row.choices, " or "), words.shown(value))
  end
  return value
end

local function switch(value, _, where, from_variable)
  if from_variable then
    return env.switch(where) and "1" or "0"
  elseif value ~= "0" and value ~= "1" then
    misuse('%s must be "0" or "1", not "%s"', where, words.shown(value))
  end
  return value
end

local function boolean(value, _, where)
  if type(value) ~= "boolean" then misuse("%s must be true or false, not %s", where, expect.shown(value)) end
  return value
end

local function options(value, row, where)
  return require("molbuild.base.option_table").read(value, row.fields, where)
end

local function map(value, _, where)
  local copy = {}
  if type(value) ~= "table" then
    misuse("%s must be a table of name = text, not a %s", where, type(value))
  end
  for name, item in pairs(value) do
    if type(name) ~= "string" or type(item) ~= "string" then
      misuse("%s must be a table of name = text: [%s] is not", where, words.shown(name))
    end
    copy[name] = item
  end
  return copy
end

-- A copy, so that a job can change its own.
local function name_list(value, _, where)
  return table.move(expect.names(value, where), 1, #value, 1, {})
end

-- A check that takes a text and the place it came from.
local function named(check)
  return function(value, row, where)
    return check(text(value, row, where), where)
  end
end

-- What only builds have. Most policies set none of it.
local function of_build(check)
  return function(value, row, where)
    if type(row[2]) == "table" and maps.same(value, row[2]) then return {} end
    return require("molbuild.base.build_values")[check](value, where)
  end
end

--- Each type returns the value in its final form, or raises an error that names the place.
local TYPES = {
  seconds = number, count = number, bytes = number, text = text, choice = choice, switch = switch, flag = switch,
  map = map, list = name_list, boolean = boolean, options = options,
  secrets = of_build "secrets", ssh = of_build "ssh", memory = of_build "memory", cpus = of_build "cpus",
  network = of_build "network", stage = of_build "stage",
  branch = named(function(value) return names.branch(value) end),
  directory = named(names.directory), file = named(names.directory), prefix = named(names.image_prefix),
  ending = function(value, row, where)
    return value ~= "" and names.tag_ending(text(value, row, where), where) or nil
  end,
  platform = named(function(value, where)
    return value == "native" and value or names.platform(value, where)
  end),
}

-- An invalid value in the policy is a mistake of the policy, not of its caller.
local function checked(row, value, where, from_variable)
  local check = TYPES[row[3]] or error("unknown type of a setting: " .. tostring(row[3]), 0)
  local ok, result = xpcall(check, errors.handler, value, row, where, from_variable)
  if not ok and not from_variable and errors.is(result, "usage") then
    result.kind = "bug"
  end
  if not ok then error(result, 0) end
  return result
end

local function mistake(format, ...)
  errors.raise { kind = "bug", message = format:format(...) }
end

local function instead(name)
  return ("per_runtime.NAME = { %s = ... }"):format(name)
end

--- Give a policy its settings. ROWS becomes its field `settings`; each default becomes a field with the setting's name. The
--- fields `words`, `verbs` and `api` are those of ROWS.
---@param policy table
---@param rows molbuild.Setting[]
---@return table policy
function settings.define(policy, rows)
  policy.settings = rows
  for _, name in ipairs { "words", "verbs", "api" } do policy[name] = policy[name] or rows[name] end
  for _, row in ipairs(rows) do
    policy[row[1]] = type(row[2]) == "table" and TYPES[row[3]](row[2], row, row[1]) or row[2]
  end
  return policy
end

--- The names that a policy's settings and hooks may have as fields, set or not, and those that settings had before.
---@param rows molbuild.Setting[]
---@return table<string, true> known
---@return table<string, string> former  what to write instead
function settings.names(rows)
  local known, former = {}, {}
  for _, row in ipairs(rows) do
    known[row[1]] = true
    if row.replaces then former[row.replaces] = instead(row[1]) end
  end
  for name in pairs(rows.hooks or {}) do known[name] = true end
  return known, former
end

-- The tables of a policy that are not settings. A list where a map is expected, or the other way round, would be ignored.
local function check_shape(policy)
  expect.names(policy.runtimes, "runtimes")
  if type(policy.per_runtime) ~= "table" then
    mistake("per_runtime must be a table of runtime = settings, not a %s", type(policy.per_runtime))
  elseif policy.per_runtime[1] ~= nil then
    mistake "per_runtime must be a table of runtime = settings, not a list"
  end
  local inputs = rawget(policy, "inputs")
  if inputs ~= nil then checked({ "inputs", nil, "map" }, inputs, "inputs", false) end
end

-- What a fork wrote for single runtimes must be known settings of known runtimes; others would be ignored silently.
local function check_own(own, runtime, allowed, list)
  if type(own) ~= "table" then
    mistake("per_runtime.%s must be a table of settings, not a %s", runtime, type(own))
  end
  for name in pairs(own) do
    if not allowed[name] then
      mistake("per_runtime.%s.%s: no such setting%s (one of %s)", runtime, words.shown(name),
        require("molbuild.base.nearest").hint(tostring(name), allowed), table.concat(list, ", "))
    end
  end
end

local function no_runtime(place, name, known, policy)
  mistake("%s: no such runtime%s (one of %s)", place, require("molbuild.base.nearest").hint(tostring(name), known),
    table.concat(policy.runtimes, ", "))
end

local function check_per_runtime(policy)
  check_shape(policy)
  if not next(policy.per_runtime) then return end
  local allowed, known, list = {}, maps.set(policy.runtimes), {}
  for _, row in ipairs(policy.settings) do
    if row.per_runtime then
      allowed[row[1]], list[#list + 1] = true, row[1]
    end
  end
  for runtime, own in pairs(policy.per_runtime) do
    if not known[runtime] then no_runtime("per_runtime." .. words.shown(runtime), runtime, known, policy) end
    check_own(own, runtime, allowed, list)
    for _, needed in ipairs(type(own.needs) == "table" and own.needs or {}) do
      local place = ("per_runtime.%s.needs: %s"):format(runtime, words.shown(needed))
      if not known[needed] then no_runtime(place, needed, known, policy) end
    end
  end
end

-- An ending is trimmed, so that a blank variable sets none. A blank variable must not remove the fork's ending: the images
-- would then get the shared name.
local function is_blank(value)
  return not value:find "%S"
end

-- What a fork has set for one runtime.
local function own_of(policy, runtime)
  return runtime and policy.per_runtime[runtime] or {}
end

-- The unchecked value of a row, and where it comes from. OWN is what the fork has set for the runtime.
local function find(policy, row, runtime, all_own)
  local name, variable = row[1], row.variable and env.get(row.variable)
  if variable and not (row[3] == "ending" and is_blank(variable)) then
    return variable, "variable", row.variable
  end
  local own = all_own[name]
  if own ~= nil then
    local is_mixed = row[3] == "map" or row[3] == "secrets" or row[3] == "options"
    local mixed = is_mixed and type(own) == "table" and type(policy[name]) == "table"
    return mixed and maps.merged(policy[name], own) or own, "fork", ("per_runtime.%s.%s"):format(runtime, name)
  end
  return policy[name], maps.same(policy[name], row[2]) and "default" or "fork", name
end

-- A policy contains no secret. One runtime may name the place of its own: a variable or a file.
local function own_secret(policy, row, runtime, all_own)
  local name, own = row[1], all_own[row[1]]
  if policy[name] ~= nil then
    mistake("%s is not set in a policy%s", name,
      row.per_runtime and (": write per_runtime.NAME = { %s = ... }"):format(name) or ", but by the variable " .. row.variable)
  end
  if own ~= nil and (type(own) ~= "string" or own == "") then
    mistake("per_runtime.%s.%s must be a text, not %s", runtime, name, own == "" and "empty" or "a " .. type(own))
  end
  return own
end

-- The value of a row, where it comes from, and its place.
local function value_of(policy, row, runtime, own)
  if row.replaces and rawget(policy, row.replaces) ~= nil then
    mistake("%s is no longer a setting: write %s", row.replaces, instead(row[1]))
  elseif row[3] == "secret" then
    local secret = own_secret(policy, row, runtime, own)
    return secret, secret and "fork" or row.variable and env.get(row.variable) and "variable" or "default", row.variable or row[1]
  end
  local value, origin, where = find(policy, row, runtime, own)
  if row.per_runtime == "only" and not maps.same(policy[row[1]], row[2]) then
    mistake("%s is not set for all runtimes: write per_runtime.NAME = { %s = ... }", row[1], row[1])
  end
  if origin ~= "default" or type(value) == "table" then -- a default is valid, and a table is copied
    value = checked(row, value, where, origin == "variable")
  end
  return value, origin, where
end

--- The settings of a policy, in the order of its table, each checked. A variable overrides the policy; for one runtime
--- `per_runtime` overrides the policy's general value. Secrets have no value here.
---@param policy table
---@param runtime string?  the policy's general values when absent
---@return molbuild.SettingValue[]
---@raise usage  a variable's value is invalid
---@raise bug  the policy's value is invalid
function settings.list(policy, runtime)
  check_per_runtime(policy)
  local list, own = {}, own_of(policy, runtime)
  for index, row in ipairs(policy.settings) do
    local value, origin, where = value_of(policy, row, runtime, own)
    list[index] = { row = row, value = value, origin = origin, where = where }
  end
  return list
end

--- What is wrong with the settings that a policy makes. Variables are not considered.
---@param policy table
---@param runtime string?  as of settings.list
---@return string[] messages
function settings.mistakes(policy, runtime)
  local list = {}
  local function try(fn, ...)
    local ok, failure = pcall(fn, ...)
    if not ok and not errors.is(failure, "usage") then list[#list + 1] = tostring(failure) end
  end
  try(check_shape, policy)
  if #list > 0 then return list end
  try(check_per_runtime, policy)
  if #list == 0 or not runtime then
    for _, row in ipairs(policy.settings) do try(value_of, policy, row, runtime, own_of(policy, runtime)) end
  end
  return list
end

-- A setting's value as a field of a job.
local function of_job(row, value)
  if value == 0 and row.zero then return row.zero end -- for people 0 is no bound; for every function it is zero
  if row[3] == "flag" then return value == "1" end
  return value
end

-- Stands for a new table.
local EMPTY = {}

-- What a table of settings means for all jobs: which fields they have, their `variables` and `bounds`. By the numbers of rows:
-- whether there is nothing to check while neither a variable nor the policy sets it, and the value then.
local function facts_of(rows)
  local facts = { variables = {}, bounds = {}, is_simple = {}, unset = {}, known = settings.names(rows) }
  for _, row in ipairs(rows.job or {}) do facts.known[row[1]] = true end
  for index, row in ipairs(rows) do
    local name, default, variable = row[1], row[2], row.variable
    local is_empty = type(default) == "table" and next(default) == nil
    facts.variables[name] = variable
    if row.bound then facts.bounds[row.bound] = variable or name end
    facts.is_simple[index] = not (variable and env.get(variable) or row.replaces) and (is_empty or type(default) ~= "table")
    facts.unset[index] = is_empty and EMPTY or of_job(row, default)
  end
  return facts
end

-- The facts are kept in a run: its environment stays as it is.
local function known_facts(rows)
  local run = task.scope().run or {}
  run.facts = run.facts or setmetatable({}, { __mode = "k" })
  run.facts[rows] = run.facts[rows] or facts_of(rows)
  return run.facts[rows]
end

--- The settings as fields of a table, which becomes a job. `variables` names the variable of each setting, for messages;
--- `bounds` names the variable of each bound. All jobs share these two.
---@param policy table
---@param runtime string
---@return table
---@raise usage | bug
function settings.read(policy, runtime)
  check_per_runtime(policy)
  local rows = policy.settings
  local facts, own, is_sealed = known_facts(rows), own_of(policy, runtime), seal.is_sealed(policy)
  local values, is_simple, unset = {}, facts.is_simple, facts.unset
  for index = 1, #rows do
    local row, usual = rows[index], unset[index]
    local name = row[1]
    local field = rawget(policy, name)
    -- A field that a policy does not have may come from its metatable, if that is not the seal.
    if field == nil and not is_sealed then field = policy[name] end
    local may_be_unset = is_simple[index] and own[name] == nil
    if may_be_unset and usual == EMPTY and type(field) == "table" and next(field) == nil then
      values[name] = {}
    elseif may_be_unset and field == row[2] then
      values[name] = usual
    else
      values[name] = of_job(row, (value_of(policy, row, runtime, own)))
    end
  end
  values.variables, values.bounds = facts.variables, facts.bounds
  return seal.fields(values, "job", { known = facts.known, open = true })
end

return settings
