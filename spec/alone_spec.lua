-- A program without its scripts beside it: the policies are in it. The released file is such a program (spec/release).
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local shipped = require "molbuild.policy.shipped"

describe("a program that was copied away from its scripts", function()
  local dir, program

  before_each(function()
    dir = sh.temporary "alone"
    sh.run { "mkdir", dir .. "/bin", dir .. "/work" }
    program = dir .. "/bin/molbuild"
    sh.run { "cp", run.program, program }
  end)

  after_each(function()
    sh.remove(dir)
  end)

  local function molbuild(...)
    return run.run { args = { ... }, program = program, cwd = dir .. "/work" }
  end

  local function printed(...)
    local ended = molbuild(...)
    assert.equal(0, ended.status, ended.stderr)
    return ended.stdout
  end

  it("writes the text of each policy, as it is in scripts/", function()
    for name in sh.run("cd scripts && ls *.lua verbs/*.lua"):gmatch "[^\n]+" do
      local file = name:match "[^/]*$"
      assert.equal("./" .. file .. "\n", printed("eject", name))
      assert.equal(sh.read("scripts/" .. name), sh.read(dir .. "/work/" .. file))
    end
  end)

  it("runs one that loads others, and says where it is", function()
    assert.truthy(printed("help", "ensure-native.lua"):find("The verbs of builtin:/ensure-native.lua:", 1, true))
    assert.truthy(printed("settings", "ensure.lua"):find "\nbranch +main +default\n")
    assert.truthy(printed("help", "builtin:/ensure.lua"):find("molbuild run builtin:/ensure.lua", 1, true))
    assert.equal("", printed("check", "ensure.lua", "ensure-native.lua"))
  end)

  it("lets a fork have the name of the policy that it loads", function()
    sh.write(dir .. "/work/ensure.lua", 'local ensure = molbuild.load "ensure.lua"\nensure.branch = "next"\nreturn ensure\n')
    assert.truthy(printed("settings", "./ensure.lua"):find "\nbranch +next ")
  end)

  it("loads them although the current directory has one of their directory's name", function()
    sh.write(dir .. "/work/builtin:/ensure.lua", "error 'this one ran'")
    assert.equal("", printed("check", "ensure-native.lua"))
    assert.truthy(molbuild("check", "./builtin:/ensure.lua").stdout:find("this one ran", 1, true))
  end)

  it("prefers them to a file of the current directory, and reports that file", function()
    sh.write(dir .. "/work/ensure.lua", "error 'this one ran'")
    local ended = molbuild("run", "ensure.lua", "unknown-runtime")
    assert.truthy(ended.stderr:find("./ensure.lua was not used: builtin:/ensure.lua overrides it", 1, true), ended.stderr)
    assert.is_nil(ended.stderr:find("this one ran", 1, true))
  end)

  it("tests a policy with them, and measures what the test reaches", function()
    printed("eject", "--test", "ensure-native.lua")
    assert.truthy(printed("test", "--coverage"):find "%d+ passed, 0 failed")
    sh.run { "rm", dir .. "/work/ensure-native.lua" }
    sh.write(dir .. "/work/own_test.lua", [[
      local world = require("molbuild.testing").world
      it("runs", function()
        assert.equal(0, world { policy = "ensure.lua" }:run("hermes").exit)
        assert.equal(11, world { policy = "ensure.lua" }:verb("plan", "hermes").exit)
        world { policy = "ensure.lua" }:call(function(policy) assert.equal("main", policy.branch) end)
      end)
    ]])
    assert.truthy(printed("test", "own_test.lua"):find "1 passed, 0 failed")
  end)

  it("names all places where it looked for a missing one, and the nearest name", function()
    local ended = molbuild("run", "ensur.lua")
    assert.equal(2, ended.status)
    assert.truthy(ended.stderr:find("builtin:/ensur.lua, ./ensur.lua\nhint: did you mean \"ensure.lua\"?", 1, true), ended.stderr)
    ended = molbuild("run", "builtin:/nothing.lua")
    assert.equal(2, ended.status)
    assert.truthy(ended.stderr:find("no script builtin:/nothing.lua", 1, true), ended.stderr)
  end)

  it("finds the types for editors where a release has them: in ../share/molbuild/types", function()
    sh.run { "mkdir", "-p", dir .. "/share/molbuild" }
    sh.run { "cp", "-r", "lua/types", dir .. "/share/molbuild/types" }
    printed("eject", "ensure.lua")
    assert.truthy(sh.read(dir .. "/work/.luarc.json"):find(dir .. "/share/molbuild/types", 1, true))
  end)
end)

describe("the directory of the policies in the program", function()
  it("owns itself and what is in it, and no other path", function()
    for _, path in ipairs { "builtin:", "builtin:/ensure.lua", "builtin:/verbs/plan.lua" } do
      assert.is_true(shipped.owns(path), path)
    end
    for _, path in ipairs { "./builtin:/ensure.lua", "builtin", "builtin:x", "/builtin:/ensure.lua", "" } do
      assert.is_false(shipped.owns(path), path)
    end
  end)

  it("is empty under a plain Lua, which has no program", function()
    assert.same({}, shipped.names())
    assert.is_nil(shipped.read "builtin:/ensure.lua")
    assert.is_nil(shipped.compiled "return {}")
  end)
end)
