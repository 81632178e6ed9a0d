--- The library of a policy: `local molbuild = require "molbuild"`. A policy that molbuild runs also has it as the global
--- `molbuild`. Modules are loaded at their first use.
local molbuild = {}

--- The modules that a policy can use, and their files.
local MODULES = {
  core = "molbuild.core",
  arguments = "molbuild.base.arguments",
  attest = "molbuild.machine.attest",
  bases = "molbuild.machine.bases",
  behind = "molbuild.machine.behind",
  buildkit = "molbuild.engine.buildkit",
  cache = "molbuild.repository.cache",
  check_base = "molbuild.machine.check_base",
  checked = "molbuild.machine.checked",
  child = "molbuild.base.child",
  docker = "molbuild.engine",
  doctor = "molbuild.machine.doctor",
  encode = "molbuild.progress.encode",
  env = "molbuild.base.env",
  errors = "molbuild.base.errors",
  events = "molbuild.base.events",
  expect = "molbuild.base.expect",
  fall_back = "molbuild.machine.fall_back",
  gc = "molbuild.machine.gc",
  failures = "molbuild.machine.failures",
  git = "molbuild.repository.git",
  gitea = "molbuild.forge.gitea",
  heads = "molbuild.repository.heads",
  image = "molbuild.engine.image",
  inputs = "molbuild.repository.inputs",
  inventory = "molbuild.machine.inventory",
  job = "molbuild.base.job",
  log = "molbuild.base.log",
  manifest = "molbuild.machine.manifest",
  names = "molbuild.base.names",
  network = "molbuild.forge.network",
  offline = "molbuild.machine.offline",
  pins = "molbuild.machine.pins",
  outdated = "molbuild.machine.outdated",
  plan = "molbuild.machine.plan",
  record = "molbuild.machine.record",
  retry = "molbuild.base.retry",
  rows = "molbuild.base.rows",
  seen = "molbuild.machine.seen",
  settings = "molbuild.base.settings",
  secrets = "molbuild.engine.secrets",
  sha = "molbuild.base.sha",
  shared = "molbuild.machine.shared",
  signers = "molbuild.machine.signers",
  smoke = "molbuild.machine.smoke",
  stale = "molbuild.machine.stale",
  task = "molbuild.base.task",
  template = "molbuild.repository.template",
  testing = "molbuild.testing",
  token = "molbuild.forge.token",
  unverified = "molbuild.machine.unverified",
  verify = "molbuild.machine.verify",
  watch = "molbuild.machine.watch",
  working_tree = "molbuild.machine.working_tree",
}

--- Load another policy by name or path, to change it. Returns the policy's table.
---@param name string
---@return table
---@raise usage | bug
function molbuild.load(name)
  return (require("molbuild.script").load_beside(name, molbuild))
end

---@class molbuild.Program
---@field version string
---@field prefix string  where it is installed; "" for a program that is one file
---@field compiled (fun(text: string): string?)?  the bytecode of the built-in policy with exactly this text
---@field policy (fun(name: string?): string|string[]|nil)?  the text of a built-in policy; with no name, all their names
---@field library table?  the module molbuild

--- What `molbuild check` finds in a policy that has been loaded, and in those that it loads: one entry for each file.
---@param policy table
---@return { path: string, api: integer?, newest: integer, findings: { line: integer, message: string }[] }[]
function molbuild.findings(policy)
  return require("molbuild.check").loaded(policy, molbuild)
end

--- Keep the files of the policy as they are now, for a verb that keeps running: parts that are loaded later are of the same
--- version.
function molbuild.keep_files()
  require("molbuild.script").keep_files()
end

--- Load the policy of this run again, for a verb that keeps running. It counts only if `molbuild check` finds nothing in it.
---@return table policy
---@return fun(): { name: string, sha256: string } identity  for records
---@raise usage | bug  the former policy stays
function molbuild.reload()
  return require("molbuild.check").reload(molbuild)
end

--- The whole program, as its command line is given to it.
---@param argv string[]
---@param program molbuild.Program
---@return integer status
function molbuild.main(argv, program)
  program.library = molbuild
  return require("molbuild.cli").main(argv, program)
end

--- Raise an error: { kind, message, hint }. The kind decides the exit status; an unknown one is a mistake of the caller.
---@param fields { kind: string?, message: string, hint: string?, cause: any }  other fields are kept; without a kind it is
---  "failed"
function molbuild.raise(fields)
  require("molbuild.base.errors").raise(fields, 2)
end

--- The names that `molbuild.NAME` may have.
---@return table<string, true>
local function known()
  local all = {}
  for name in pairs(MODULES) do all[name] = true end
  for name in pairs(molbuild) do all[name] = true end
  return all
end

return setmetatable(molbuild, {
  known = known,
  __index = function(self, name)
    if MODULES[name] then
      local module = require(MODULES[name])
      rawset(self, name, module)
      return module
    elseif type(name) == "string" then
      require("molbuild.base.seal").mistake(2, "molbuild.%s: no such module%s", name,
        require("molbuild.base.nearest").hint(name, known()))
    end
  end,
})
