-- What is written down about the C module and the command line is what is there.
local cli = require "molbuild.cli"
local core = require "molbuild.core"

local function read(path)
  return assert(core.fs.read(path))
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- "topic.name" of every function that the C module registers.
local function registered()
  local names = {}
  for topic, functions in pairs(core) do
    for name, value in pairs(functions) do
      assert.equal("function", type(value))
      names[topic .. "." .. name] = true
    end
  end
  return names
end

local STUBS = "lua/types/core.lua"
local PRIMITIVES = "docs/primitives.md"

--- The stubs by name, each with its parameters and the comment block above it.
local function stubs()
  local all, block = {}, {}
  for line in read(STUBS):gmatch "([^\n]*)\n" do
    local name, parameters = line:match "^function core%.([%w_.]+)%(([^)]*)%) end$"
    if name then all[name] = { parameters = parameters, block = table.concat(block, "\n") .. "\n" } end
    if line:find "^%-%-%-" then block[#block + 1] = line else block = {} end
  end
  return all
end

--- The primitives of the tables in docs/primitives.md: name = parameters.
local function documented()
  local all = {}
  for name, parameters in read(PRIMITIVES):gmatch "\n| `([%w_]+%.[%w_]+)%(([^)]*)%)` |" do
    assert.is_nil(all[name], name .. " stands there twice")
    all[name] = parameters
  end
  return all
end

--- The fields of a class in the stubs.
local function fields(class)
  local block = assert(read(STUBS):match("\n%-%-%-@class molbuild%.core%." .. class .. "\n(.-)\n[^-]"), class)
  local names = {}
  for name in block:gmatch "%-%-%-@field ([%w_]+)" do names[name] = true end
  return names
end

--- The options that a binding takes from its table, read from its source.
local function taken(path, index)
  local names, source = {}, read(path)
  for name in source:gmatch('bind_field_%l+%(L, ' .. index .. ', "([%l_]+)"') do names[name] = true end
  for name in source:gmatch('lua_getfield%(L, ' .. index .. ', "([%l_]+)"') do names[name] = true end
  return names
end

--- The options in the table below a heading of docs/primitives.md.
local function option_table(heading)
  local section = assert(read(PRIMITIVES):match("\n## " .. heading .. "\n(.-)\n## "))
  local names = {}
  for cell in assert(section:match "\n| option .*"):gmatch "\n| (`[^|]+) |" do
    for name in cell:gmatch "`([%l_]+)`" do names[name] = true end
  end
  return names
end

describe("lua/types/core.lua", function()
  it("has a stub for every function of the C module, and no other", function()
    assert.same(sorted(registered()), sorted(stubs()))
  end)

  it("describes every parameter and a result of each", function()
    for name, stub in pairs(stubs()) do
      for parameter in stub.parameters:gmatch "[%w_]+" do
        assert.truthy(stub.block:find("---@param " .. parameter .. " ", 1, true), ("%s: %s"):format(name, parameter))
      end
      assert.truthy(stub.block:find("---@return ", 1, true), name)
    end
  end)

  for _, case in ipairs {
    { "HttpOptions", "core/bind/bind_http.c", 1, "http" },
    { "ProcessOptions", "core/bind/bind_process.c", 1, "process" },
    { "LockOptions", "core/bind/bind_lock.c", 2, "lock" },
  } do
    it(("has every option of %s"):format(case[1]), function()
      assert.same(sorted(taken(case[2], case[3])), sorted(fields(case[1])))
    end)

    it(("and docs/primitives.md has those of %s"):format(case[4]), function()
      assert.same(sorted(fields(case[1])), sorted(option_table(case[4])))
    end)
  end

  it("has every method of a lock", function()
    local lock = require("molbuild.base.task").run(function()
      local path = assert(core.fs.mkdtemp "/tmp/molbuild-stubs.")
      local lock = assert(core.lock.acquire(path .. "/lock"))
      core.fs.remove_tree(path)
      return lock
    end)
    local methods, stubbed = {}, {}
    for name in pairs(getmetatable(lock)) do
      if not name:find "^__" then methods[name] = true end
    end
    lock:release()
    for name in read(STUBS):gmatch "\nfunction Lock:([%w_]+)%(" do stubbed[name] = true end
    assert.same(sorted(methods), sorted(stubbed))
  end)

  it("is Lua", function()
    assert.truthy(loadfile(STUBS))
  end)
end)

describe("docs/primitives.md", function()
  it("has every function of the C module, and no other", function()
    assert.same(sorted(registered()), sorted(documented()))
  end)

  it("calls the parameters as the stubs do", function()
    local parameters = {}
    for name, stub in pairs(stubs()) do parameters[name] = stub.parameters end
    assert.same(parameters, documented())
  end)
end)

--- The options of `molbuild run`, as "--name VALUE".
local function options()
  local all = {}
  for _, option in ipairs(cli.options) do
    all[option[1] .. (option[2] and " " .. option[2] or "")] = true
  end
  return all
end

describe("the options of molbuild run", function()
  it("are those of docs/reference.md", function()
    local section = assert(read "docs/reference.md":match "\n| option |.-\n\n")
    local all = {}
    for name in section:gmatch "\n| `(%-[^`]+)` |" do all[(name:gsub("=", " "))] = true end
    assert.same(sorted(options()), sorted(all))
  end)

  it("are those of the man page", function()
    local section = assert(read "docs/molbuild.1":match "\n%.SH OPTIONS\n(.-)\n%.SH ")
    local all = {}
    for line in section:gmatch "\n%.TP\n%.[BI]R? ([^\n]+)" do
      all[(line:gsub("\\%-", "-"):gsub('"', ""):gsub(" = ", " "))] = true
    end
    assert.same(sorted(options()), sorted(all))
  end)
end)
