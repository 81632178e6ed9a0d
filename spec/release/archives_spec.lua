-- The archives of a release and what goes with them: digests, the bill of materials, the formula.
local cjson = require "cjson"
local release = require "spec.support.release"
local run = require "spec.support.run"
local schema = require "spec.support.schema"
local sh = require "spec.support.sh"

describe("a release", function()
  local dir

  before_each(function() dir = sh.temporary "release" end)
  after_each(function() sh.remove(dir) end)

  it("has a digest of each of its files", function()
    sh.run(("cd %s && sha256sum -c SHA256SUMS"):format(release.out))
    local listed, there = {}, {}
    for name in sh.read(release.out .. "/SHA256SUMS"):gmatch "  (%S+)" do listed[#listed + 1] = name end
    for name in sh.run("ls " .. release.out):gmatch "%S+" do there[#there + 1] = name ~= "SHA256SUMS" and name or nil end
    table.sort(listed)
    table.sort(there)
    assert.same(there, listed)
    assert.equal(8, #there)
  end)

  it("has no file of another owner or date", function()
    for _, name in ipairs { ".tar.gz", "-linux-amd64.tar.gz", "-linux-arm64.tar.gz" } do
      local seen = {}
      for owner, date in sh.run({ "tar", "-tvzf", release.file(name), "--full-time", "--numeric-owner" })
        :gmatch "%S+ (%S+) +%d+ (%S+ %S+) [^\n]+" do
        seen[owner .. " " .. date] = true
      end
      local first = next(seen)
      assert.truthy(first:find "^0/0 ")
      assert.is_nil(next(seen, first))
    end
  end)

  it("has archives whose directories can be copied below any prefix", function()
    local top = release.unpack(release.native(), dir .. "/unpacked"):match "^(.*)/bin/molbuild$"
    sh.run(("mkdir %s/prefix && cp -r %s/bin %s/share %s/prefix"):format(dir, top, top, dir))
    local share = dir .. "/prefix/share/"
    for from, to in pairs {
      ["lua/types"] = "molbuild/types", docs = "molbuild/doc", ["docs/examples"] = "molbuild/examples",
      ["docs/molbuild.1"] = "man/man1/molbuild.1", ["dist/systemd"] = "molbuild/systemd", ["dist/launchd"] = "molbuild/launchd",
    } do
      sh.run(("diff -r --exclude=molbuild.1 %s %s"):format(from, share .. to))
    end
    local ended = run.run { program = dir .. "/prefix/bin/molbuild", args = { "eject", "ensure.lua" }, cwd = dir }
    assert.equal(0, ended.status, ended.stderr)
    assert.same({ share .. "molbuild/types" }, cjson.decode(sh.read(dir .. "/.luarc.json"))["workspace.library"])
    assert.equal(sh.read "LICENSE", sh.read(top .. "/LICENSE"))
  end)

  it("has the completion of each shell, as the program prints it", function()
    local program = release.unpack(release.native(), dir)
    for shell, path in pairs {
      bash = "bash-completion/completions/molbuild", zsh = "zsh/site-functions/_molbuild",
      fish = "fish/vendor_completions.d/molbuild.fish",
    } do
      local printed = run.run { program = program, args = { "completion", shell } }
      assert.equal(printed.stdout, sh.read(program:gsub("bin/molbuild$", "share/" .. path)), shell)
      assert.is_true(#printed.stdout > 100)
    end
  end)

  it("has the licence of everything in the program", function()
    local top = release.unpack(release.native(), dir):gsub("/bin/molbuild$", "")
    for line in sh.read(release.work .. "/versions"):gmatch "[^\n]+" do
      assert.is_true(#sh.read(("%s/licences/%s.txt"):format(top, line:match "^%S+")) > 500, line)
    end
    assert.truthy(sh.read(top .. "/licences/libgcc.txt"):find "Runtime Library Exception")
  end)

  for _, arch in ipairs(release.architectures) do
    it("lists what is in the program, with the version of each package: " .. arch, function()
      local path = release.file(("-linux-%s.cdx.json"):format(arch))
      assert.same({ true, "" }, { schema.check("spec/support/cyclonedx.schema.json", sh.read(path):gsub("\n", " ") .. "\n") })
      local document, components = cjson.decode(sh.read(path)), {}
      for _, component in ipairs(document.components) do components[component.name] = component end
      for name, version in sh.read(release.work .. "/versions"):gmatch "(%S+) (%S+) %S+\n" do
        assert.equal(version, components[name] and components[name].version, name)
      end
      assert.truthy(components.curl.pedigree.notes)
      assert.truthy(components["gcc-" .. sh.run("gcc -dumpversion"):match "%d+"])
      local program = release.unpack(arch, dir)
      assert.equal(sh.run({ "sha256sum", program }):match "^%x+", document.metadata.component.hashes[1].content)
      local depends = document.dependencies[1].dependsOn
      assert.equal(#document.components, #depends)
    end)
  end

  it("has a formula for its source archive, whose build makes a program that works alone", function()
    local formula, archive = sh.read(release.out .. "/molbuild.rb"), release.file ".tar.gz"
    assert.equal(sh.run({ "sha256sum", archive }):match "^%x+", formula:match 'sha256 "(%x+)"')
    assert.truthy(formula:find(("/v%s/molbuild-%s.tar.gz\""):format(release.version, release.version), 1, true))
    assert.is_nil(formula:find "@%u")
    local words = {}
    for word in formula:match('system ("make"[^\n]*)\n'):gmatch '"([^"]*)"' do
      words[#words + 1] = word:gsub("#{prefix}", dir .. "/cellar")
    end
    sh.run { "tar", "-xzf", archive, "-C", dir }
    sh.run(("cd %s/molbuild-%s && env -u MAKEFLAGS -u BUILD %s"):format(dir, release.version, sh.join(words)))
    -- Neither module of Lua is looked for elsewhere.
    local ended = run.run { program = dir .. "/cellar/bin/molbuild", args = { "--help" }, env = { LUA_PATH = "/none/?.lua" } }
    assert.equal(0, ended.status, ended.stderr)
    ended = run.run { program = dir .. "/cellar/bin/molbuild", args = { "eval", "return require('cjson').encode { 1 }" },
      env = { LUA_CPATH = "/none/?.so" } }
    assert.equal('"[1]"\n', ended.stdout, ended.stderr)
  end)
end)
