--- The verb `gc` of a policy: its options, what it prints, and how it runs behind a build.
local amounts = require "molbuild.base.amounts"
local errors = require "molbuild.base.errors"
local inventory = require "molbuild.machine.inventory"
local log = require "molbuild.base.log"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local gc = {}

local KEEP = 2

-- How each option is read. A policy's table `gc` has the same names.
local READ = {
  keep = function(word, where)
    local number = math.tointeger(tonumber(word))
    if not number or number < 0 or not tostring(word):find "^%d+$" then
      errors.raise { kind = "usage", message = ('%s must be a whole number, not "%s"'):format(where, text.shown(word)) }
    end
    return number
  end,
  older_than = amounts.seconds, free = amounts.bytes, build_cache = amounts.bytes, when_free_below = amounts.bytes,
}

--- The table `gc` of a policy, checked.
---@param policy table
---@return { keep: integer?, older_than: integer?, free: integer?, build_cache: integer?, when_free_below: integer? }
---@raise bug
local function own_options(policy)
  local own, read = rawget(policy, "gc"), {}
  for name, value in pairs(type(own) == "table" and own or {}) do
    local where = "gc." .. tostring(name)
    if not READ[name] then
      errors.raise {
        kind = "bug", message = ("%s: no such option%s"):format(where, require("molbuild.base.nearest").hint(tostring(name), READ)),
      }
    end
    local ok, result = errors.try(READ[name], value, where)
    read[name] = ok and result or errors.raise { kind = "bug", message = result.message }
  end
  return read
end

local function options_of(policy, given, runtimes)
  local options, own = inventory.of_policy(policy, runtimes), own_options(policy)
  for name in pairs(READ) do
    local word = given[name]
    options[name] = word and READ[name](word, "--" .. name:gsub("_", "-")) or own[name]
  end
  options.when_free_below = nil
  options.keep = options.keep or KEEP
  options.dry_run = given.dry_run
  options.runtimes = runtimes
  options.lock_timeout = task.scope().lock_timeout
  return options
end

-- What prints --------------------------------------------------------------------------------------------------------

local ACTIONS = { removed = "removed", would_remove = "would go", kept = "kept", failed = "failed" }
local KINDS = {
  tree = "trees", log = "logs", record = "records", order = "order of builds", repository = "repository",
  staging = "unfinished trees", name = "unverified name", container = "container", build_cache = "build cache",
}

-- The image's tag; or how many of what.
local function what_of(row)
  if row.kind == "image" then return row.tag or row.image_id:gsub("^sha256:", ""):sub(1, 12) end
  return row.count and row.count > 1 and ("%d %s"):format(row.count, KINDS[row.kind]) or KINDS[row.kind]
end

local function counted(report)
  local verb = report.dry_run and "would be removed" or "removed"
  local failed = report.failed > 0 and (", %d failed"):format(report.failed) or ""
  return ("%d %s %s%s"):format(report.removed, report.removed == 1 and "image" or "images", verb, failed)
end

local function sum_of(report)
  local parts = { counted(report) }
  local freed = report.freed and amounts.size(report.freed)
  if freed then parts[#parts + 1] = ("the engine's layers and build cache take %s less"):format(freed) end
  if report.free then parts[#parts + 1] = ("%s are free"):format(amounts.size(report.free)) end
  return table.concat(parts, "; ")
end

--- What gc did, as rows. The last one is the sum.
---@param report molbuild.GcReport
---@return molbuild.Rows
function gc.rows(report)
  local rows = require("molbuild.base.rows").new { columns = {
    { "action", shown = function(action) return ACTIONS[action] or action end }, { "runtime" }, { "what" },
    { "size", align = "right", shown = amounts.size }, { "reason" },
  } }
  for _, row in ipairs(report.rows) do
    row.what = what_of(row)
    rows:add(row)
  end
  rows:add {
    action = "sum", kind = "sum", removed = report.removed, failed = report.failed, freed = report.freed, free = report.free,
    dry_run = report.dry_run, what = counted(report), size = report.freed,
    reason = report.free and amounts.size(report.free) .. " are free" or nil,
  }
  rows.exit = report.failed > 0 and 1 or nil
  return rows
end

--- The verb: `molbuild gc ensure.lua [options] [runtime...]`.
---@param policy table
---@param args string[]
---@return molbuild.Rows
---@raise usage | bug | failed | missing_tool
function gc.verb(policy, args)
  local given, words = require("molbuild.base.arguments").parse(args, policy.arguments().gc, "--all")
  local options = options_of(policy, given, inventory.named(policy, words))
  return gc.rows(require("molbuild.machine.collect").run(options))
end

-- Behind a build ------------------------------------------------------------------------------------------------------

local function collect(policy)
  local own = own_options(policy)
  local options = options_of(policy, {}, nil)
  options.lock_timeout = 0 -- what is being built is left for the next time
  if own.when_free_below then
    local free = require("molbuild.engine.stock").free(options.engine)
    if not free then log.warn "gc.when_free_below has no effect: how much space the engine has free is not known" end
    if not free or free >= own.when_free_below then return end
  end
  local report = require("molbuild.machine.collect").run(options)
  for _, row in ipairs(report.rows) do
    if row.action == "failed" then log.warn("gc: %s %s: %s", row.runtime or "", what_of(row), row.reason) end
  end
  log.info("gc: %s", sum_of(report))
end

--- Let gc run behind the results of this run, by the policy's table `gc`: once, when the results have been written. It cannot
--- fail: the results stand already. A run that fails, and a program that has no such end, leave it out.
---@param policy table
function gc.behind(policy)
  local behind = task.scope().behind
  if not behind or behind[policy] then return end
  behind[policy] = true
  behind[#behind + 1] = function()
    local ok, failure = errors.try(collect, policy)
    if not ok then log.warn("gc: %s", tostring(failure)) end
  end
end

return gc
