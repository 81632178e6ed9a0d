-- molbuild eject: the .luarc.json beside the copy, with which editors find the types. The copy itself:
-- spec/integration/cli_spec.lua; its test: spec/testing_command_spec.lua; an installed program: spec/integration/install_spec.lua.
local cjson = require "cjson"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("molbuild eject", function()
  local dir

  before_each(function()
    dir = sh.temporary "eject"
  end)

  after_each(function()
    sh.remove(dir)
  end)

  local function eject(into, program)
    local ended = run.run { args = { "eject", "ensure.lua", into }, program = program }
    assert.equal(0, ended.status, ended.stderr)
    assert.equal("", ended.stderr)
    assert.equal(into .. "/ensure.lua\n", ended.stdout)
    return into .. "/.luarc.json"
  end

  it("writes a .luarc.json that names the checkout's types by an absolute path", function()
    local luarc = cjson.decode(sh.read(eject(dir)))
    assert.same({ sh.run "pwd" .. "/lua/types" }, luarc["workspace.library"])
    assert.equal("Lua 5.4", luarc["runtime.version"])
    assert.is_false(luarc["workspace.checkThirdParty"])
  end)

  it("never overwrites a .luarc.json, or a link of that name", function()
    sh.write(dir .. "/.luarc.json", "{ mine")
    assert.equal("{ mine", sh.read(eject(dir)))
    sh.run(("mkdir %s/next && ln -s missing %s/next/.luarc.json"):format(dir, dir))
    eject(dir .. "/next")
    assert.equal("missing", sh.run(("readlink %s/next/.luarc.json"):format(dir)))
  end)

  -- A program beside which there are scripts, in a directory of any name.
  local function copy(name, types)
    local root = dir .. "/" .. name
    sh.run { "mkdir", "-p", root .. "/build", root .. "/scripts", root .. "/out" }
    sh.run { "cp", run.program, root .. "/build/molbuild" }
    sh.run(("cp scripts/*.lua %s/scripts"):format(sh.quote(root)))
    if types then
      sh.run { "mkdir", "-p", root .. "/" .. types }
      sh.run { "cp", "lua/types/molbuild.lua", root .. "/" .. types }
    end
    return root, eject(root .. "/out", root .. "/build/molbuild")
  end

  it("names types beside the scripts, whatever characters their path has", function()
    local root, path = copy('a "b" \\ c', "types")
    assert.same({ root .. "/types" }, cjson.decode(sh.read(path))["workspace.library"])
  end)

  it("writes none when the program came without types", function()
    local _, path = copy "bare"
    assert.is_false((sh.try("test -e " .. path)))
  end)
end)
