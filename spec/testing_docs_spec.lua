-- docs/testing.md and lua/types/testing.lua name what a world has, and nothing else.
local core = require "molbuild.core"
local molbuild = require "molbuild"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local PAGE, STUBS = assert(core.fs.read "docs/testing.md"), assert(core.fs.read "lua/types/testing.lua")

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- The names below a heading of the page, in the first column of its tables.
local function named(heading, pattern)
  local section = assert(PAGE:match("\n### " .. heading:gsub("%p", "%%%0") .. "\n(.-)\n##"), heading)
  local names = {}
  for cell in section:gmatch "\n| (`[^|]+) |" do
    for name in cell:gmatch(pattern) do names[name] = true end
  end
  return names
end

--- The methods of a class in the stubs.
local function stubbed(class)
  local names = {}
  for name in STUBS:gmatch("\nfunction " .. class .. ":([%w_]+)%(") do names[name] = true end
  return names
end

--- A call of a program of a world.
local function call()
  local world = molbuild.testing.world { fork = "return { run = function() molbuild.child.run { argv = { 'p' } } end }" }
  world.programs.p = function() return 0 end
  return world:run().commands[1]
end

describe("the reference of a test's world", function()
  local world = molbuild.testing.world { fork = "return { run = function() return 1 end }" }

  it("has all options", function()
    local fields = {}
    for name in STUBS:match("@class molbuild.testing.Options\n(.-)\n\n"):gmatch "@field ([%l_]+)" do fields[name] = true end
    assert.same(sorted(require("molbuild.testing.world").options), sorted(fields))
    assert.same(sorted(fields), sorted(named("molbuild.testing.world(options)", "`([%l_]+)`")))
  end)

  for class, object in pairs {
    World = world, Forge = world.forge, Engine = world.engine, Files = world.files, Run = world:run(), Call = call(),
  } do
    it("has stubs of methods that are there: " .. class, function()
      local names = stubbed(class)
      assert.is_true(next(names) ~= nil)
      for name in pairs(names) do assert.is_function(object[name], name) end
    end)
  end

  it("has the methods of the stubs on the page", function()
    local forge, machine = named("The forge", "forge:([%l_]+)"), named("The engine", "engine:([%l_]+)")
    assert.same(sorted(stubbed "Forge"), sorted(forge))
    assert.same(sorted(stubbed "Engine"), sorted(machine))
    for _, class in ipairs { "World", "Run", "Call" } do
      for name in pairs(stubbed(class)) do
        assert.truthy(name == "parts" or PAGE:find("[:%.]" .. name .. "%f[^%w_]"), name)
      end
    end
  end)

  it("has the causes of failure that there are", function()
    local causes = { silence = true, killed = true, ["no image"] = true }
    for name in pairs(require("molbuild.testing.docker").causes) do causes[name] = true end
    local listed = {}
    local row = assert(PAGE:match "\n| `engine:fails_after[^\n]+")
    for name in row:gmatch '`"([^"]+)"`' do listed[name] = true end
    assert.same(sorted(causes), sorted(listed))
  end)

  it("has the options of the command", function()
    local listed, known = {}, {}
    for name in PAGE:match("\n## The command\n(.-)\n## "):gmatch "\n| `(%-[%l-]+)" do listed[name] = true end
    for _, option in ipairs(require("molbuild.testing.command").options) do known[option[1]] = true end
    assert.same(sorted(known), sorted(listed))
  end)

  it("is Lua", function() assert.truthy(loadfile "lua/types/testing.lua") end)
end)

describe("the example of docs/testing.md", function()
  it("passes", function()
    local dir = sh.temporary "example"
    finally(function() sh.remove(dir) end)
    assert.equal(0, run.run({ args = { "eject", "ensure.lua" }, cwd = dir }).status)
    sh.write(dir .. "/ensure_test.lua", assert(PAGE:match "\n```lua\n(.-)\n```\n"))
    local result = run.run { args = { "test" }, cwd = dir }
    assert.matches("^2 tests: 2 passed, 0 failed", result.stdout)
    assert.equal(0, result.status)
  end)
end)
