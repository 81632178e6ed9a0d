--- The library of a policy: `local molbuild = require "molbuild"`. A policy that molbuild runs has it as the global
--- `molbuild`, too. Modules are loaded at their first use.
local molbuild = {}

local MODULES = {
  cache = true, child = true, docker = true, env = true, errors = true, events = true, git = true, gitea = true,
  image = true, inputs = true, job = true, log = true, names = true, network = true, retry = true, settings = true,
  sha = true, task = true, template = true, token = true,
}

--- Load another policy by name or path, to change it: gives the table it returns.
---@param name string
---@return table
---@raise usage | bug
function molbuild.load(name)
  return (require("molbuild.script").load(name))
end

--- Raise an error: { kind, message, hint }. The kind decides the exit status.
---@param fields table
function molbuild.raise(fields)
  require("molbuild.errors").raise(fields)
end

return setmetatable(molbuild, {
  __index = function(self, name)
    if name == "core" or MODULES[name] then
      local module = require("molbuild." .. name)
      rawset(self, name, module)
      return module
    end
  end,
})
