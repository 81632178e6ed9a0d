-- What a released program is: one static file, hardened, that shows nothing of where it was built.
local release = require "spec.support.release"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("a released program", function()
  local dir, programs

  setup(function()
    dir, programs = sh.temporary "release", {}
    for _, arch in ipairs(release.architectures) do programs[arch] = release.unpack(arch, dir) end
  end)

  teardown(function()
    sh.remove(dir)
  end)

  local function has(text, ...)
    for _, part in ipairs { ... } do assert.truthy(text:find(part), part .. " is not in\n" .. text) end
  end

  for _, arch in ipairs(release.architectures) do
    it("is static and relocates itself, with what it relocates read-only and no executable stack: " .. arch, function()
      local headers = sh.run { "readelf", "-hlWd", programs[arch] }
      has(headers, "Type:%s+DYN", "GNU_RELRO", "BIND_NOW", "Flags: NOW PIE", "GNU_STACK[^\n]* RW ")
      assert.is_nil(headers:find "INTERP")
      assert.is_nil(headers:find "%(NEEDED%)")
      assert.is_nil(headers:find " RWE ")
    end)

    it("has stack protectors: " .. arch, function()
      has(sh.run { "nm", ("%s/%s/molbuild/molbuild"):format(release.work, arch) }, " __stack_chk_fail\n")
    end)

    it("has at most 6 MiB: " .. arch, function()
      assert.is_true(#sh.read(programs[arch]) <= 6 * 1024 * 1024)
    end)

    it("does not tell where it was built: " .. arch, function()
      local text = sh.read(programs[arch])
      for _, place in ipairs { release.work, sh.run "pwd -P", os.getenv "HOME" .. "/" } do
        assert.is_nil(text:find(place, 1, true), place)
      end
    end)
  end

  -- Of this machine's architecture from here on.
  local function molbuild(args, options)
    options = options or {}
    options.args, options.program, options.cwd = args, programs[release.native()], options.cwd or dir
    return run.run(options)
  end

  it("has the text of each policy of scripts/", function()
    for name in sh.run("cd scripts && ls *.lua verbs/*.lua"):gmatch "[^\n]+" do
      local out = sh.temporary "eject"
      assert.equal(0, molbuild({ "eject", name, out }).status)
      assert.equal(sh.read("scripts/" .. name), sh.read(out .. "/" .. name:match "[^/]*$"))
      sh.remove(out)
    end
  end)

  it("prints its help, which needs argparse, and tests a policy, which needs cjson", function()
    assert.equal(0, molbuild({ "--help" }).status)
    local out = sh.temporary "test"
    molbuild { "eject", "--test", "ensure.lua", out }
    local ended = molbuild({ "test" }, { cwd = out })
    assert.truthy(ended.stdout:find "%d+ passed, 0 failed", ended.stdout .. ended.stderr)
    sh.remove(out)
  end)

  it("says why a policy cannot load a module in C", function()
    sh.write(dir .. "/c.lua", 'require "lfs"\nreturn {}\n')
    local ended = molbuild({ "run", "./c.lua" }, { env = { LUA_CPATH = "/usr/lib/x86_64-linux-gnu/lua/5.4/?.so" } })
    assert.equal(70, ended.status)
    local reason = "no module written in C can be loaded: this molbuild is one static file"
    assert.truthy(ended.stderr:find(reason, 1, true), ended.stderr)
  end)

  it("reads no configuration of OpenSSL", function()
    sh.write(dir .. "/openssl.cnf", "openssl_conf = nothing\n")
    local trace = dir .. "/trace"
    molbuild({ "eval", 'return molbuild.core.http.request { url = "https://127.0.0.1:1/", timeout = 5 }' },
      { env = { OPENSSL_CONF = dir .. "/openssl.cnf" }, prefix = { "strace", "-f", "-o", trace } })
    assert.truthy(sh.read(trace):find("execve", 1, true))
    assert.is_nil(sh.read(trace):find("openssl.cnf", 1, true))
  end)
end)
