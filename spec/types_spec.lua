-- The types for editors and docs/library.md: made from the annotations of the library and the tables of the policy. Nothing is
-- missing or stale.
local annotations = require "spec.support.annotations"
local assert_names = require "spec.support.assert_names"
local library = require "spec.support.library"
local molbuild = require "molbuild"
local sh = require "spec.support.sh"
local types = require "spec.support.types"

local STUBS, POLICY_STUBS, PAGE = "lua/types/molbuild.lua", "lua/types/ensure.lua", "docs/library.md"

-- What a stubs file declares, by running it with language servers' own meaning left out: name = the stub's parameters.
local function declared(path, owner)
  local all = {}
  for name, parameters in sh.read(path):gmatch("\nfunction " .. owner .. "%.([%w_]+)%(([^)]*)%) end") do
    assert.is_nil(all[name], owner .. "." .. name .. " is there twice")
    all[name] = parameters
  end
  return all
end

-- The fields of a class: name = type and note.
local function fields(path, class)
  local all = {}
  local pattern = "\n%-%-%-@class " .. class:gsub("%p", "%%%0") .. "\n(.-)\n[^-]"
  for name, more in assert((sh.read(path) .. "\n"):match(pattern), class):gmatch "%-%-%-@field ([%w_]+) ([^\n]*)" do
    all[name] = more
  end
  return all
end

local function functions_of(module)
  local all = {}
  for name, value in pairs(module) do
    if type(value) == "function" then all[name] = value end
  end
  return all
end

local function values_of(module)
  local all = {}
  for name, value in pairs(module) do
    if type(value) ~= "function" then all[name] = value end
  end
  return all
end

-- "a, b" of a real function, as its stub must have them.
local function parameters_of(fn)
  local info, names = debug.getinfo(fn, "u"), {}
  for index = 1, info.nparams do names[index] = debug.getlocal(fn, index) end
  if info.isvararg then names[#names + 1] = "..." end
  return table.concat(names, ", ")
end

describe("make docs", function()
  it("has nothing to write: types and reference are as their sources", function()
    for _, page in ipairs(types.list()) do
      assert.is_true(sh.read(page.path) == page.text, page.path .. " is stale: run make docs")
    end
  end)
end)

describe("the types of the library", function()
  it("are Lua", function()
    assert.truthy(loadfile(STUBS))
    assert.truthy(loadfile(POLICY_STUBS))
  end)

  it("have every module", function()
    local modules = {}
    for name in pairs(getmetatable(molbuild).known()) do
      if type(molbuild[name]) == "table" then modules[name] = true end
    end
    assert_names(modules, fields(STUBS, "molbuild"), STUBS)
  end)

  it("have the library's own functions", function()
    assert_names(functions_of(molbuild), declared(STUBS, "molbuild"), STUBS)
  end)

  for _, entry in ipairs(library.names()) do
    local name = entry.name
    if name ~= "core" and name ~= "testing" then -- those have stubs and specs of their own
      it(("have every function and value of %s, with its parameters"):format(name), function()
        local module, stubs, parameters = molbuild[name], declared(STUBS, name), {}
        for key, fn in pairs(functions_of(module)) do parameters[key] = parameters_of(fn) end
        assert.same(parameters, stubs)
        assert_names(values_of(module), fields(STUBS, "molbuild." .. name), STUBS)
      end)

      it(("have the type of every parameter of %s"):format(name), function()
        local file = annotations.read(STUBS)
        for key, parameters in pairs(declared(STUBS, name)) do
          local block, typed = file.functions[name .. "." .. key], {}
          for _, param in ipairs(block.params) do typed[param.name] = param.type end
          for parameter in parameters:gmatch "[^,%s]+" do
            assert.is_string(typed[parameter], ("%s.%s: %s has no annotation"):format(name, key, parameter))
          end
        end
      end)
    end
  end

  -- "function = names" of each call that checks options, from the library's sources.
  local function checked_options()
    local list = {}
    for path in sh.run("grep -rl 'seal.options(\"' lua/molbuild"):gmatch "[^\n]+" do
      local source = sh.read(path)
      for name, param, known in source:gmatch 'seal%.options%("([^"]+)", ([%w_]+), ([%u_]+)%)' do
        local options = {}
        for option in source:match("\nlocal " .. known .. " = (%b{})"):gmatch "([%w_]+) = true" do options[option] = true end
        list[#list + 1] = { name = name, param = param, options = options }
      end
    end
    return list
  end

  it("have every option of the functions that check their options, and no other", function()
    local file, classes, list = annotations.read(STUBS), {}, checked_options()
    for _, class in ipairs(file.classes) do classes[class.class] = class end
    for _, check in ipairs(list) do
      local block, class = file.functions[check.name:gsub("^molbuild%.", ""):gsub("^engine:", "Engine.")]
      for _, param in ipairs(assert(block, check.name).params) do
        if param.name == check.param then class = classes[param.type:gsub("%?$", "")] end
      end
      local has = {}
      for _, field in ipairs(assert(class, check.name).fields) do has[field.name] = true end
      assert_names(check.options, has, STUBS .. ", " .. check.name)
    end
    assert.is_true(#list >= 10)
  end)

  it("define every class that they mention", function()
    local known, text = {}, ""
    for path in sh.run("find lua/types -name '*.lua'"):gmatch "[^\n]+" do text = text .. sh.read(path) end
    for _, word in ipairs { "class", "alias" } do
      for name in text:gmatch("%-%-%-@" .. word .. " ([%w_.]+)") do known[name] = true end
    end
    local count = 0
    for tag, rest in text:gmatch "%-%-%-@(%l+) ([^\n]*)" do
      local named = tag == "param" or tag == "field"
      local kind = annotations.split_type(named and rest:match "^%S+ (.*)" or tag == "return" and rest or "")
      for name in kind:gmatch "molbuild%.[%w_.]*[%w_]" do
        assert.is_true(known[name], name .. " is no class: " .. rest)
        count = count + 1
      end
    end
    assert.is_true(count > 100)
  end)
end)

describe("the types of the policy", function()
  local ensure = molbuild.load "scripts/ensure.lua"
  local rows = ensure.settings

  it("have every function of ensure", function()
    local stubs = declared(POLICY_STUBS, "ensure")
    stubs.step = "job, name, fn" -- a field
    assert_names(functions_of(ensure), stubs, POLICY_STUBS)
  end)

  it("have every setting that a fork can set, every other field, and every hook of ensure", function()
    local wanted = values_of(ensure)
    wanted.extend, wanted.step = true, true
    for _, row in ipairs(rows) do
      wanted[row[1]] = row[3] ~= "secret" and row.per_runtime ~= "only" or nil
    end
    for name in pairs(rows.hooks) do wanted[name] = true end
    assert_names(wanted, fields(POLICY_STUBS, "ensure"), POLICY_STUBS)
  end)

  it("have every setting of per_runtime", function()
    local wanted = {}
    for _, row in ipairs(rows) do wanted[row[1]] = row.per_runtime and true or nil end
    assert_names(wanted, fields(POLICY_STUBS, "ensure.PerRuntime"), POLICY_STUBS)
  end)

  it("have every setting and every field of a job", function()
    local wanted = {}
    for _, row in ipairs(rows) do wanted[row[1]] = true end
    for _, row in ipairs(rows.job) do wanted[row[1]] = true end
    assert_names(wanted, fields(POLICY_STUBS, "job"), POLICY_STUBS)
  end)

  it("name the verbs, and what steps must give", function()
    local file = annotations.read(POLICY_STUBS)
    for verb, text in pairs(rows.verbs) do
      assert.matches("A verb: " .. text, table.concat(file.functions["ensure." .. verb].text, " "), 1, true)
    end
    for name in pairs(rows.gives) do
      assert.is_string(file.functions["ensure." .. name].returns[1].type, name)
    end
  end)
end)

describe("docs/library.md", function()
  it("has every function of every module", function()
    local listed = {}
    for name in sh.read(PAGE):gmatch "\n### (%l[%w_]*%.[%w_]+)%(" do listed[name] = true end
    local wanted = {}
    local function add(name, module)
      for key in pairs(functions_of(module)) do wanted[name .. "." .. key] = true end
    end
    add("molbuild", molbuild)
    for _, entry in ipairs(library.names()) do
      if entry.name ~= "core" and entry.name ~= "testing" then add(entry.name, molbuild[entry.name]) end
    end
    assert_names(wanted, listed, PAGE)
  end)
end)
