--- What is made from the annotations of the library and the tables of the policy: the stubs for language servers, and
--- docs/library.md, and the tables of docs/primitives.md. `make docs` writes the files; a spec compares them.
local library = require "spec.support.library"
local library_page = require "spec.support.library_page"
local policy_types = require "spec.support.policy_types"
local primitives_page = require "spec.support.primitives_page"
local stubs = require "spec.support.stubs"

local types = {}

local function molbuild_stubs()
  local all = library.read()
  local lines = {
    "---@meta molbuild", "",
    "-- Stubs of the library, for language servers: never loaded. Made by make docs from the annotations in lua/molbuild.",
  }
  for _, class in ipairs(all.classes) do stubs.add_class(lines, class) end
  local fields = {}
  for _, module in ipairs(all.modules) do
    stubs.add_module(lines, module, "molbuild." .. module.name, ("local %s = {}"):format(module.name))
    fields[#fields + 1] = { name = module.name, type = "molbuild." .. module.name, text = {} }
  end
  for _, name in ipairs(all.by_hand) do
    fields[#fields + 1] = { name = name, type = name == "core" and "molbuild.Core" or "molbuild." .. name, text = {} }
  end
  table.sort(fields, function(a, b) return a.name < b.name end)
  for _, block in ipairs(all.top.functions) do
    block.overloads = block.name == "load" and { 'fun(name: "ensure.lua"|"ensure"): ensure' } or nil
  end
  stubs.add_module(lines, { name = "molbuild", header = all.top.header, values = fields, functions = all.top.functions },
    "molbuild", "molbuild = {}")
  lines[#lines + 1] = "\nreturn molbuild\n"
  return table.concat(lines, "\n")
end

local function ensure_stubs()
  local all = policy_types.read()
  local lines = {
    "---@meta ensure", "",
    "-- Stubs of scripts/ensure.lua, for language servers: never loaded. Made by make docs from the tables of",
    "-- scripts/ensure-settings.lua and the comments of scripts/ensure.lua.",
  }
  stubs.add_class(lines, all.job)
  stubs.add_class(lines, all.per_runtime)
  stubs.add_class(lines, all.ensure)
  lines[#lines + 1] = "local ensure = {}"
  for _, block in ipairs(all.functions) do stubs.add_function(lines, "ensure.", block) end
  lines[#lines + 1] = "\nreturn ensure\n"
  return table.concat(lines, "\n")
end

--- Each file as it should be.
---@return { path: string, text: string }[]
function types.list()
  return {
    { path = "lua/types/molbuild.lua", text = molbuild_stubs() },
    { path = "lua/types/ensure.lua", text = ensure_stubs() },
    { path = "docs/library.md", text = library_page.text(library.read()) },
    { path = "docs/primitives.md", text = primitives_page.text() },
  }
end

--- Write what is not as it should be.
function types.write()
  for _, page in ipairs(types.list()) do
    local old = io.open(page.path, "rb")
    local is = old and old:read "a"
    if old then old:close() end
    if is ~= page.text then
      local file = assert(io.open(page.path, "wb"))
      assert(file:write(page.text))
      assert(file:close())
      print("wrote " .. page.path)
    end
  end
end

return types
