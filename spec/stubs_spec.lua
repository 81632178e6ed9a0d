-- What is written down about the C module and the command line is what is there.
local assert_names = require "spec.support.assert_names"
local cli = require "molbuild.cli"
local run_options = require "molbuild.options"
local core = require "molbuild.core"

local function read(path)
  return assert(core.fs.read(path))
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

local STUBS = "lua/types/core"
local PRIMITIVES = "docs/primitives.md"
local REFERENCE = "docs/reference.md"
local MANUAL = "docs/molbuild.1"

--- The files of the stubs, by topic.
local function stub_files()
  local files = {}
  for _, name in ipairs(assert(core.fs.list(STUBS))) do files[name:match "^(%w+)%.lua$"] = read(STUBS .. "/" .. name) end
  return files
end

--- The stubs by name, each with its parameters and the comment block above it.
local function stubs()
  local all, block = {}, {}
  for topic, text in pairs(stub_files()) do
    for line in text:gmatch "([^\n]*)\n" do
      local name, parameters = line:match("^function " .. topic .. "%.([%w_]+)%(([^)]*)%) end$")
      if name then all[topic .. "." .. name] = { parameters = parameters, block = table.concat(block, "\n") .. "\n" } end
      if line:find "^%-%-%-" then block[#block + 1] = line else block = {} end
    end
  end
  return all
end

--- The primitives of the tables in docs/primitives.md: name = parameters.
local function documented()
  local all = {}
  for name, parameters in read(PRIMITIVES):gmatch "\n| `([%w_]+%.[%w_]+)%(([^)]*)%)` |" do
    assert.is_nil(all[name], name .. " is there twice")
    all[name] = parameters
  end
  return all
end

--- The fields of a class in the stubs of a topic.
local function fields(topic, class)
  local block = assert(stub_files()[topic]:match("\n%-%-%-@class molbuild%.core%." .. class .. "\n(.-)\n[^-]"), class)
  local names = {}
  for name in block:gmatch "%-%-%-@field ([%w_]+)" do names[name] = true end
  return names
end

--- The options that a binding declares: name = { unit, default }, the default as written there.
local function declared(path, table_name)
  local options, source = {}, read(path)
  local rows = assert(source:match("bind_option " .. table_name .. "%[%] = {(.-){0}};"), table_name)
  for name, unit, more in rows:gmatch '{"([%l_]+)", BIND_(%u+), AT%([%w_.]+%)([^}]*)}' do
    options[name] = { unit = unit, default = more:match "%.absent = ([%w_]+)" or more:match '%.absent_text = "(.-)"' }
  end
  return options
end

--- The options in the table below a heading of docs/primitives.md: name = what stands as their default.
local function option_table(heading)
  local section = assert(read(PRIMITIVES):match("\n## " .. heading .. "\n(.-)\n## "))
  local names = {}
  for cell, default in assert(section:match "\n| option .*"):gmatch "\n| (`[^|]+) | ([^|]*)|" do
    for name in cell:gmatch "`([%l_]+)`" do names[name] = default:gsub("`", ""):match "^(.-) *$" end
  end
  return names
end

describe("lua/types/core", function()
  it("has a stub for every function of the C module, and no other", function()
    assert_names(registered(), stubs(), STUBS)
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
    { "HttpOptions", "core/bind/bind_http.c", "request_options", "http" },
    { "ProcessOptions", "core/bind/bind_process.c", "run_options", "process" },
    { "LockOptions", "core/bind/bind_lock.c", "acquire_options", "lock" },
  } do
    it(("has every option of %s"):format(case[1]), function()
      assert_names(declared(case[2], case[3]), fields(case[4], case[1]), STUBS)
    end)

    it(("and docs/primitives.md has those of %s"):format(case[4]), function()
      assert_names(fields(case[4], case[1]), option_table(case[4]), PRIMITIVES)
    end)

    it(("and docs/primitives.md has the defaults of %s"):format(case[4]), function()
      local in_table = option_table(case[4])
      for name, option in pairs(declared(case[2], case[3])) do
        local default = ({ HUGE_VAL = "none", DEFAULT_GRACE = "10", DEFAULT_LOG = "64 MiB", SIGTERM = "15, TERM" })[option.default]
        default = default or option.default
        if default and default ~= "" then
          assert.equal(default, in_table[name], name)
        end
      end
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
    for name in stub_files().lock:gmatch "\nfunction Lock:([%w_]+)%(" do stubbed[name] = true end
    assert_names(methods, stubbed, STUBS)
  end)

  it("is Lua", function()
    assert.truthy(loadfile(STUBS .. ".lua"))
    for topic, text in pairs(stub_files()) do assert.truthy(load(text), topic) end
  end)

  it("has a file and a field for every topic", function()
    local topics, named = {}, {}
    for topic in pairs(core) do topics[topic] = true end
    for topic in read(STUBS .. ".lua"):gmatch "%-%-%-@field (%w+) molbuild%.core%.%w+\n" do named[topic] = true end
    assert_names(topics, named, STUBS .. ".lua")
    assert_names(topics, stub_files(), STUBS)
  end)
end)

describe("docs/primitives.md", function()
  it("has every function of the C module, and no other", function()
    assert_names(registered(), documented(), PRIMITIVES)
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
  for _, option in ipairs(run_options.list) do
    all[option[1] .. (option[2] and " " .. option[2] or "")] = true
  end
  return all
end

describe("the options of molbuild run", function()
  it("are those of docs/reference.md", function()
    local section = assert(read(REFERENCE):match "\n| option |.-\n\n")
    local all = {}
    for name in section:gmatch "\n| `(%-[^`]+)` |" do all[(name:gsub("=", " "))] = true end
    assert_names(options(), all, REFERENCE)
  end)

  it("are those of the man page", function()
    local section = assert(read(MANUAL):match "\n%.SH OPTIONS\n(.-)\n%.SH ")
    local all = {}
    for line in section:gmatch "\n%.TP\n%.[BI]R? ([^\n]+)" do
      all[(line:gsub("\\%-", "-"):gsub('"', ""):gsub(" = ", " "))] = true
    end
    assert_names(options(), all, MANUAL)
  end)
end)

describe("the commands of molbuild", function()
  local commands = {}
  for _, name in ipairs(cli.commands) do commands[name] = true end

  it("have help each", function()
    for name in pairs(commands) do
      assert.equal("Usage: molbuild " .. name, require("molbuild.help").text(name):match "^Usage: molbuild %l+")
    end
  end)

  it("are those of docs/reference.md", function()
    local all = {}
    for name in read(REFERENCE):gmatch "\n| `molbuild (%l+)[^`]*` |" do all[name] = true end
    assert_names(commands, all, REFERENCE)
  end)

  it("are those of the man page, in its synopsis and its list", function()
    local text = read(MANUAL)
    local synopsis, list = {}, {}
    for name in text:match("\n%.SH SYNOPSIS\n(.-)\n%.SH "):gmatch "%.B molbuild (%l+)" do synopsis[name] = true end
    for name in text:match("\n%.SH COMMANDS\n(.-)\n%.SH "):gmatch "%.TP\n%.BR? (%l+)" do list[name] = true end
    assert_names(commands, synopsis, MANUAL .. ", SYNOPSIS")
    assert_names(commands, list, MANUAL .. ", COMMANDS")
  end)
end)
