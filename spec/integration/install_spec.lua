-- What make install puts on a machine, and make uninstall takes away: into a directory of its own, and run from there.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("an installed molbuild", function()
  local w, root

  before_each(function()
    w = world.new { forge = false }
    root = w.dir .. "/root"
  end)

  after_each(function()
    w:close()
  end)

  -- The prefix is the usual one, so that nothing is built again.
  local function make(target)
    sh.run(("make %s BUILD=%s DESTDIR=%s"):format(target, os.getenv "BUILD" or "build", root))
  end

  local function files(kind)
    return sh.run(("cd %s && find . -type %s | sort"):format(root, kind or "f"))
  end

  local function run(arguments)
    local ended = w:run(arguments, nil, { program = root .. "/usr/local/bin/molbuild", cwd = "/" })
    assert.equal(0, ended.status, ended.stderr)
    return (ended.stdout:gsub("\n$", ""))
  end

  it("runs where it was put, with its policy, its library and its manual", function()
    make "install"
    assert.equal("molbuild " .. sh.read("VERSION"):gsub("\n", ""), run { "version" })
    assert.equal(w.dir .. "/ensure.lua", run { "eject", "ensure.lua", w.dir })
    assert.equal(sh.read "scripts/ensure.lua", sh.read(w.dir .. "/ensure.lua"))
    local list = files()
    for shell, path in pairs {
      bash = "bash-completion/completions/molbuild", zsh = "zsh/site-functions/_molbuild",
      fish = "fish/vendor_completions.d/molbuild.fish",
    } do
      assert.equal(run { "completion", shell } .. "\n", sh.read(root .. "/usr/local/share/" .. path))
    end
    for _, path in ipairs { "bin/molbuild", "man/man1/molbuild.1", "molbuild/lua/molbuild/init.lua" } do
      assert.truthy(list:find(path .. "\n", 1, true) or list:find(path .. "$"), path)
    end
  end)

  it("has the types for editors, which an ejected policy names, the pages, the examples and files of services", function()
    make "install"
    local share = root .. "/usr/local/share/molbuild"
    for from, to in pairs {
      ["lua/types"] = "types", docs = "doc", ["docs/examples"] = "examples", ["dist/systemd"] = "systemd",
      ["dist/launchd"] = "launchd",
    } do
      sh.run(("diff -r --exclude=molbuild.1 %s %s/%s"):format(from, share, to))
    end
    run { "eject", "ensure.lua", w.dir }
    local luarc = require("cjson").decode(sh.read(w.dir .. "/.luarc.json"))
    assert.same({ share .. "/types" }, luarc["workspace.library"])
  end)

  it("is removed completely, except for files of others", function()
    make "install"
    local scripts = root .. "/usr/local/share/molbuild/scripts"
    sh.write(scripts .. "/mine.lua", "return {}")
    make "uninstall"
    assert.equal("./usr/local/share/molbuild/scripts/mine.lua", files())
    sh.run("rm " .. scripts .. "/mine.lua")
    make "uninstall"
    assert.equal("", files())
    assert.is_nil(files("d"):find("share/molbuild", 1, true))
  end)
end)
