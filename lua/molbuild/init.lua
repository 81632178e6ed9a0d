--- The library of a policy: `local molbuild = require "molbuild"`. A policy that molbuild runs has it as the global
--- `molbuild`, too. Modules are loaded at their first use.
local molbuild = {}

--- The modules that a policy sees, and where each stands.
local MODULES = {
  cache = "repository.cache",
  child = "base.child",
  docker = "engine",
  env = "base.env",
  errors = "base.errors",
  events = "base.events",
  git = "repository.git",
  gitea = "forge.gitea",
  image = "engine.image",
  inputs = "repository.inputs",
  job = "base.job",
  log = "base.log",
  names = "base.names",
  network = "forge.network",
  retry = "base.retry",
  settings = "base.settings",
  sha = "base.sha",
  task = "base.task",
  template = "repository.template",
  token = "forge.token",
}

--- Load another policy by name or path, to change it: gives the table it returns.
---@param name string
---@return table
---@raise usage | bug
function molbuild.load(name)
  return (require("molbuild.script").load(name, molbuild))
end

--- Raise an error: { kind, message, hint }. The kind decides the exit status.
---@param fields table
function molbuild.raise(fields)
  require("molbuild.base.errors").raise(fields)
end

return setmetatable(molbuild, {
  __index = function(self, name)
    local place = name == "core" and name or MODULES[name]
    if place then
      local module = require("molbuild." .. place)
      rawset(self, name, module)
      return module
    end
  end,
})
