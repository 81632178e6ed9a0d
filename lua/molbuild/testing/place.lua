--- Where things are that a test does not name: the policy beside it, and the installed policies.
local core = require "molbuild.core"

local place = {
  --- The directory of the installed policies, where the program that runs the tests has said it.
  ---@type string?
  installed = nil,
}

--- The test file that calls: the innermost one on the stack whose name ends in _test.lua or _spec.lua.
local function test_file()
  local level = 2
  while true do
    local info = debug.getinfo(level, "S")
    if not info then
      return nil
    elseif info.source:find "^@.*_test%.lua$" or info.source:find "^@.*_spec%.lua$" then
      return info.source:sub(2)
    end
    level = level + 1
  end
end

local function directory_of(path)
  return path:match "^(.*)/[^/]*$" or "."
end

--- The policy that a test beside it is for: ensure_test.lua is for ensure.lua.
---@return string path
function place.policy_of_test()
  local test = test_file()
  local policy = test and test:match "^(.*)_test%.lua$"
  if not policy then
    error("molbuild.testing.world: name the policy: world { policy = \"ensure.lua\" }", 4)
  end
  return policy:find("/", 1, true) and policy .. ".lua" or "./" .. policy .. ".lua"
end

--- A policy by the name that a test gives it: beside the test, else where policies are looked up.
---@param name string
---@return string
function place.beside_test(name)
  local test = test_file()
  local path = test and not name:find "^/" and directory_of(test) .. "/" .. name
  return path and core.fs.type(path) == "file" and path or name
end

--- The directory of the installed policies. Where no program has said it, as under busted, it is looked for from the library's
--- own file: in a checkout, and below a prefix.
---@return string
function place.scripts()
  if place.installed then
    return place.installed
  end
  local library = package.searchpath("molbuild", package.path) or ""
  local root = directory_of(directory_of(library))
  for _, candidate in ipairs { root .. "/../scripts", root .. "/../../molbuild/scripts" } do
    local path = core.fs.realpath(candidate)
    if path and core.fs.type(path .. "/ensure.lua") then
      return path
    end
  end
  return "/usr/local/share/molbuild/scripts"
end

return place
