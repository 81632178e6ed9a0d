--- The classes `ensure` and `job`: the fields, steps, hooks and verbs of scripts/ensure.lua, from the tables of
--- scripts/ensure-settings.lua and the annotations of the policy.
local annotations = require "spec.support.annotations"

local policy_types = {}

local POLICY = "scripts/ensure.lua"

--- By the type of a setting: the type of its value.
local KINDS = {
  branch = "string", text = "string", prefix = "string", platform = "string", ending = "string", directory = "string",
  file = "string", secret = "string", switch = '"0"|"1"', flag = '"0"|"1"', seconds = "number", count = "number",
  bytes = "number", boolean = "boolean", options = "table|false", list = "string[]", map = "table<string, string>",
  secrets = "table<string, molbuild.BuildSecret>", ssh = "string|string[]", memory = "string|integer", cpus = "string|number",
  network = '"default"|"none"|"host"', stage = "string",
}

--- The types whose value is another one in a job.
local KINDS_IN_JOBS = { flag = "boolean", ssh = "string[]", memory = "integer", cpus = "number" }

--- By the type that the table of the job's fields names.
local FIELD_KINDS = { Docker = "molbuild.Engine", Credential = "molbuild.Credential", Lock = "molbuild.core.Lock" }

--- By what a function must give.
local RESULTS = {
  job = "job", verdict = "boolean?", name = "string", text = "string", commit = "string", reference = "string", boolean = "boolean",
  lock = "molbuild.core.Lock",
}

--- What the functions give that are not in that table.
local OTHER_RESULTS = { names = "string[]", found = "boolean", make = "boolean", run = "string ...", cache_key = "string",
  arguments = "table<string, molbuild.Argument[]>", demands = "table?" }

--- By the name of a parameter of the policy's functions.
local PARAMETERS = {
  job = "job", args = "string[]", runtime = "string", sha = "string", prefix = "string", name = "string",
  step = "fun(name: string): any", outcome = "string", failure = "molbuild.Error?",
}

local function kind_of(row, may_be_nil, in_job)
  local kind = in_job and KINDS_IN_JOBS[row[3]] or KINDS[row[3]]
  if row.choices then kind = '"' .. table.concat(row.choices, '"|"') .. '"' end
  assert(kind, "no type for settings of the type " .. tostring(row[3]))
  if may_be_nil then kind = kind:find "|" and ("(%s)?"):format(kind) or kind .. "?" end
  return kind
end

local function default_of(row)
  if row.shown_default then return "default: " .. row.shown_default end
  if row[2] == nil or type(row[2]) == "table" then return nil end
  return "default: " .. (math.type(row[2]) and ("%.14g"):format(row[2]) or tostring(row[2]))
end

local function setting_note(row)
  local more = {}
  more[#more + 1] = default_of(row)
  more[#more + 1] = row.variable and "variable: " .. row.variable
  return row[4] .. (#more > 0 and (" (%s)"):format(table.concat(more, "; ")) or "")
end

-- The settings of a table of rows that CHOOSE takes, as fields.
local function setting_fields(rows, choose, always_optional, in_job)
  local fields = {}
  for _, row in ipairs(rows) do
    if choose(row) then
      local kind = kind_of(row, always_optional or row[2] == nil, in_job)
      fields[#fields + 1] = { name = row[1], type = kind, note = setting_note(row) }
    end
  end
  return fields
end

local function job_class(rows)
  local own = {}
  for _, row in ipairs(rows.job) do own[row[1]] = true end
  local fields = setting_fields(rows, function(row) return not own[row[1]] end, false, true)
  for _, row in ipairs(rows.job) do
    local bare, ending = row[2]:match "^(.-)(%??)$"
    fields[#fields + 1] = { name = row[1], type = (FIELD_KINDS[bare] or bare) .. ending, note = row[3] }
  end
  return {
    class = "job", fields = fields,
    text = { "What the steps need for one runtime: its settings, and what they have found out. A fork may add fields." },
  }
end

-- Fields of the policy that are neither settings nor functions, with the comments behind them in its file.
local function other_fields(policy, is_setting)
  local notes = {}
  for line in io.lines(POLICY) do
    local name, note = line:match "^  ([%w_]+) = .-, %-%- (.+)$"
    if name then notes[name] = note end
  end
  local kinds = { runtimes = "string[]", per_runtime = "table<string, ensure.PerRuntime>", inputs = "table<string, string>",
    settings = "molbuild.Setting[]", verbs = "table<string, string>" }
  local names, fields = {}, {}
  for name, value in pairs(policy) do
    if type(value) ~= "function" and not is_setting[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local kind = kinds[name] or math.type(policy[name]) or type(policy[name])
    fields[#fields + 1] = { name = name, type = kind, note = notes[name] or "" }
  end
  return fields
end

local function typed_parameters(parameters)
  local parts = {}
  for name in parameters:gmatch "[%w_]+" do parts[#parts + 1] = ("%s: %s"):format(name, PARAMETERS[name] or "any") end
  return table.concat(parts, ", ")
end

-- What may be set: to a function, with the parameters that its text shows; without such a text to a list.
local function hook_fields(hooks)
  local fields = {}
  for name, text in pairs(hooks) do
    local parameters = text:match(name .. "%((.-)%)")
    local kind = parameters and ("(fun(%s))?"):format(typed_parameters(parameters)) or "table?"
    fields[#fields + 1] = { name = name, type = kind, note = text }
  end
  table.sort(fields, function(a, b) return a.name < b.name end)
  return fields
end

-- The verbs that are files of scripts/verbs.
local function verbs_in_files(rows)
  local list = {}
  for verb in pairs(rows.verbs) do
    if verb ~= "run" then list[#list + 1] = verb end
  end
  table.sort(list)
  return list
end

-- The functions of the policy as they stand, then those of its parts, which get the policy as their first parameter.
local function blocks_of(policy, rows)
  local list = {}
  for _, block in ipairs(annotations.read(POLICY).order) do
    if block.owner == "ensure" and rawget(policy, block.name) then list[#list + 1] = block end
  end
  for _, part in ipairs(rows.parts) do
    for _, block in ipairs(annotations.read("scripts/" .. part[1]).order) do
      block.parameters = block.parameters:gsub("^[%w_]+,? ?", "")
      if block.owner and rawget(policy, block.name) then list[#list + 1] = block end
    end
  end
  return list
end

-- The policy's functions, with types by the names of their parameters and by the table of results.
local function functions_of(policy, rows)
  local list, texts = {}, {}
  for _, row in ipairs(require("molbuild").load "scripts/ensure-functions.lua") do
    texts[row[1]] = row[3]:sub(1, 1):upper() .. row[3]:sub(2) .. "."
  end
  for _, block in ipairs(blocks_of(policy, rows)) do
    if #block.params == 0 then
      for name in block.parameters:gmatch "[%w_]+" do
        block.params[#block.params + 1] = { name = name, type = PARAMETERS[name] or "any", note = "" }
      end
    end
    local gives = RESULTS[rows.gives[block.name]] or OTHER_RESULTS[block.name]
    if gives and #block.returns == 0 then block.returns[1] = { type = gives, note = "" } end
    if #block.text == 0 and not rows.verbs[block.name] then block.text = { texts[block.name] } end
    if rows.verbs[block.name] then table.insert(block.text, ("A verb: %s."):format(rows.verbs[block.name])) end
    list[#list + 1] = block
  end
  for _, verb in ipairs(verbs_in_files(rows)) do
    list[#list + 1] = {
      name = verb, parameters = "args", params = { { name = "args", type = "string[]", note = "" } },
      returns = { { type = "molbuild.Rows", note = "" } }, raises = {}, fields = {},
      text = { ("A verb: %s."):format(rows.verbs[verb]) },
    }
  end
  return list
end

--- The classes, and the functions of `ensure`.
---@return { job: table, ensure: table, per_runtime: table, functions: table[] }
function policy_types.read()
  local policy = require("molbuild").load(POLICY)
  local rows, is_setting = policy.settings, {}
  for _, row in ipairs(rows) do is_setting[row[1]] = true end
  local fields = setting_fields(rows, function(row) return row[3] ~= "secret" and row.per_runtime ~= "only" end)
  for _, list in ipairs { other_fields(policy, is_setting), hook_fields(rows.hooks or {}) } do
    table.move(list, 1, #list, #fields + 1, fields)
  end
  fields[#fields + 1] = { name = "step", type = "fun(job: job, name: string, fn: (fun(job: job): ...)): ...",
    note = "run a step of a fork's own, with its name in events and in what is shown" }
  fields[#fields + 1] = { name = "extend", type = "fun(fields: table)", note = "declare fields of a fork's own" }
  return {
    job = job_class(rows),
    per_runtime = { class = "ensure.PerRuntime", text = { "Settings of one runtime." },
      fields = setting_fields(rows, function(row) return row.per_runtime end, true) },
    ensure = {
      class = "ensure", fields = fields,
      text = { 'The policy that molbuild ships: `local ensure = molbuild.load "ensure.lua"`.' },
    },
    functions = functions_of(policy, rows),
  }
end

return policy_types
