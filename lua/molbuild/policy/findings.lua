--- What is wrong with a policy, found without running it: in the fields that its code names, called or not, and in its table.
local environment = require "molbuild.policy.environment"
local expect = require "molbuild.base.expect"
local names = require "molbuild.base.names"
local nearest = require "molbuild.base.nearest"
local seal = require "molbuild.base.seal"
local settings = require "molbuild.base.settings"

local findings = {}

---@class molbuild.Finding
---@field line integer
---@field message string

-- Names that cannot be verbs of a policy: the program's own commands.
local RESERVED = {
  check = true, test = true, eval = true, eject = true, settings = true, completion = true, help = true, version = true,
}

local function add(state, line, format, ...)
  table.insert(state.list, { line = line, message = format:format(...) })
end

-- Globals -----------------------------------------------------------------------------------------------------------

local function check_global(state, use)
  if use.is_set then
    add(state, use.line, environment.MISTAKES.set, use.key, use.key)
  elseif not state.globals[use.key] then
    add(state, use.line, environment.MISTAKES.unknown, use.key, nearest.hint(use.key, state.globals))
  end
end

-- A field of a global table of Lua's own: os.exit.
local function check_standard(state, use)
  local library = use.path[2]
  local instead = (environment.REFUSED[library] or {})[use.key]
  if instead then
    add(state, use.line, environment.MISTAKES.refused, library .. "." .. use.key, instead)
  elseif type(_G[library]) == "table" and _G[library][use.key] == nil and not use.is_set then
    add(state, use.line, "%s.%s: no such function%s", library, use.key, nearest.hint(use.key, _G[library]))
  end
end

-- The library -------------------------------------------------------------------------------------------------------

local function known_of_library(state, table_)
  return table_ == state.library and state.library_names or table_
end

local function check_library(state, use)
  local value = state.library
  for index = 2, #use.path do
    value = type(value) == "table" and known_of_library(state, value)[use.path[index]] and value[use.path[index]] or nil
  end
  if type(value) ~= "table" or use.is_set or known_of_library(state, value)[use.key] ~= nil then return end
  local what = #use.path == 1 and "module" or "function"
  add(state, use.line, "%s.%s: no such %s%s", table.concat(use.path, "."), use.key, what,
    nearest.hint(use.key, known_of_library(state, value)))
end

-- The policy and its jobs -------------------------------------------------------------------------------------------

local function check_field(state, use)
  local known = seal.known(state.policy)
  if not known or known[use.key] ~= nil or use.key == "extend" then return end
  add(state, use.line, "%s", seal.unknown(state.name, use.key, known))
end

local function check_job(state, use)
  local known = state.job_fields
  if not known or known[use.key] then return end
  local own = state.own_fields
  if use.is_set and nearest.of(use.key, known, 1) or not use.is_set and not own[use.key] then
    local all = {}
    for _, names_of in ipairs { own, known } do
      for name in pairs(names_of) do all[name] = name ~= use.key or nil end
    end
    add(state, use.line, "job.%s: no such field%s", use.key, nearest.hint(use.key, all))
  end
end

local function check_use(state, use)
  local root = use.path[1]
  if root == "global" then
    if #use.path == 1 then check_global(state, use) elseif #use.path == 2 then check_standard(state, use) end
  elseif root == "molbuild" then
    check_library(state, use)
  elseif root == "job" and #use.path == 1 then
    check_job(state, use)
  elseif root == state.root and #use.path == 1 then
    check_field(state, use)
  end
end

-- The table ---------------------------------------------------------------------------------------------------------

-- The line that sets a field of the policy last; else the first line.
local function line_of(state, key)
  for index = #state.uses, 1, -1 do
    local use = state.uses[index]
    if use.path[1] == state.root and #use.path == 1 and use.key == key then return use.line end
  end
  return 1
end

local function check_functions(state)
  local policy = state.policy
  if type(rawget(policy, "run")) ~= "function" then
    add(state, line_of(state, "run"), "%s.run must be a function, not %s", state.name, expect.shown(rawget(policy, "run")))
  end
  local list = {}
  for key, before in pairs(seal.known(policy) or {}) do
    if type(key) == "string" and key ~= "run" and type(before) == "function" then list[#list + 1] = key end
  end
  table.sort(list)
  local verbs = rawget(policy, "verbs")
  for _, key in ipairs(list) do
    local now = rawget(policy, key)
    local is_options = type(now) == "table" and type(verbs) == "table" and verbs[key] ~= nil -- gc = { keep = 3 }
    if type(now) ~= "function" and not is_options then
      add(state, line_of(state, key), "%s.%s must be a function, not %s", state.name, key, expect.shown(now))
    end
  end
end

local function check_verbs(state)
  local verbs = rawget(state.policy, "verbs")
  if verbs == nil then return end
  if type(verbs) ~= "table" then
    add(state, line_of(state, "verbs"), "%s.verbs must be a table of name = text", state.name)
    return
  end
  for name, words in pairs(verbs) do
    if RESERVED[name] then
      add(state, line_of(state, "verbs"), "%s.verbs.%s: molbuild has a command of that name", state.name, name)
    elseif type(name) ~= "string" or type(words) ~= "string" then
      add(state, line_of(state, "verbs"), "%s.verbs must be a table of name = text: [%s] is not", state.name, tostring(name))
    end
  end
end

local function check_words(state)
  local words = rawget(state.policy, "words")
  local fault = words ~= nil and require("molbuild.policy.words").fault(words)
  if fault then add(state, line_of(state, "words"), "%s.%s", state.name, fault) end
end

-- Each mistake in the settings, at the line that sets the field that its message begins with.
local function check_settings(state, runtime)
  for _, message in ipairs(settings.mistakes(state.policy, runtime)) do
    if not state.seen[message] then
      state.seen[message] = true
      add(state, line_of(state, message:match "^[%a_]+"), "%s.%s", state.name, message)
    end
  end
end

local function check_runtimes(state)
  local seen = {}
  for index, runtime in ipairs(state.policy.runtimes) do
    local ok, failure = pcall(names.component, runtime, ("runtimes[%d]"):format(index))
    if not ok then
      add(state, line_of(state, "runtimes"), "%s.%s", state.name, tostring(failure))
    elseif seen[runtime] then
      add(state, line_of(state, "runtimes"), "%s.runtimes: %s is in the list twice", state.name, runtime)
    end
    seen[runtime] = true
    check_settings(state, runtime)
  end
end

local function check_table(state)
  check_functions(state)
  check_verbs(state)
  check_words(state)
  if not rawget(state.policy, "settings") then return end
  state.seen = {}
  check_settings(state, nil)
  if type(state.policy.runtimes) == "table" then check_runtimes(state) end
end

-- The fields of jobs: those of the policy's tables, and those that code sets.
local function fields_of_jobs(policy, all_uses)
  local rows = rawget(policy, "settings")
  if type(rows) ~= "table" then return nil, {} end
  local known, own = settings.names(rows), {}
  for _, row in ipairs(rows.job or {}) do known[row[1]] = true end
  for _, use in ipairs(all_uses) do
    if use.is_set and use.path[1] == "job" and #use.path == 1 then own[use.key] = true end
  end
  return known, own
end

--- Everything wrong with one policy.
---@param checked { policy: table, name: string, uses: molbuild.Use[], root: any, all_uses: molbuild.Use[], library: table,
---  library_names: table<string, any>, globals: table<string, true> }  root: the root of the returned table; all_uses: also those
---  of the policies that it loads
---@return molbuild.Finding[]  in the order of the lines
function findings.of(checked)
  local state = setmetatable({ list = {} }, { __index = checked })
  state.job_fields, state.own_fields = fields_of_jobs(checked.policy, checked.all_uses)
  for _, use in ipairs(checked.uses) do check_use(state, use) end
  check_table(state)
  table.sort(state.list, function(a, b)
    return a.line < b.line or a.line == b.line and a.message < b.message
  end)
  return state.list
end

return findings
