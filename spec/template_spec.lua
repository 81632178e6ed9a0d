-- A tree, checked before it is built. What the building program itself reads of it: build_files_spec.lua.
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"
local template = require "molbuild.repository.template"

describe("template.check", function()
  local dir, warnings

  before_each(function()
    dir = sh.temporary "template" .. "/tree"
    sh.write(dir .. "/Dockerfile", "FROM scratch\n")
    warnings = {}
    task.scope().events = function(event) warnings[#warnings + 1] = event.message end
  end)

  after_each(function()
    task.scope().events = nil
    sh.remove(dir:match "^(.*)/")
  end)

  local function refuses(note)
    local ok, failure = pcall(template.check, dir, nil, note)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "template"), tostring(failure))
    assert.is_false(sh.try { "test", "-e", dir }, "the tree is still there")
    return failure
  end

  it("takes a tree with a regular Dockerfile, and says nothing", function()
    sh.write(dir .. "/sub/file", "x")
    sh.run("ln -s sub/file " .. dir .. "/link; ln -s ../Dockerfile " .. dir .. "/sub/link")
    template.check(dir)
    assert.same({}, warnings)
  end)

  it("refuses what the program that it names reads, and removes the tree then", function()
    sh.run("ln -s /etc/passwd " .. dir .. "/.containerignore")
    template.check(dir)
    template.check(dir, "/usr/bin/docker")
    local ok, failure = pcall(template.check, dir, "/usr/bin/podman")
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "template"))
    assert.is_false(sh.try { "test", "-e", dir })
  end)

  it("wants a Dockerfile", function()
    sh.run { "rm", dir .. "/Dockerfile" }
    assert.equal(("cloned tree at %s has no Dockerfile"):format(dir), refuses().message)
  end)

  it("ends the message with the caller's note", function()
    sh.run { "rm", dir .. "/Dockerfile" }
    assert.equal(("cloned tree at %s has no Dockerfile (no template of ours)"):format(dir), refuses("no template of ours").message)
  end)

  describe("says of links that lead out of the tree", function()
    local PREFIX = "links lead out of the template; docker does not follow them: "

    local function says(commands, words)
      sh.run("cd " .. sh.quote(dir) .. " && mkdir -p a/b && " .. commands)
      template.check(dir)
      assert.same(words and { PREFIX .. words } or {}, warnings)
    end

    it("where they go, and leaves them alone", function()
      says("ln -s /etc/shadow shadow", "shadow -> /etc/shadow")
      assert.equal("/etc/shadow", sh.run { "readlink", dir .. "/shadow" })
    end)

    it("also when nothing is there", function()
      says("ln -s ../none a/in; ln -s ../../none a/out; ln -s a/../../none out", "out -> a/../../none, a/out -> ../../none")
    end)

    it("also when they do so by another link alone", function()
      says("ln -s .. a/b/up; ln -s a/b/up/../.. out", "out -> a/b/up/../..")
    end)

    it("no more than three, and how many more there are", function()
      says("for i in 1 2 3 4 5; do ln -s /$i l$i; done", "l1 -> /1, l2 -> /2, l3 -> /3, and 2 more")
    end)

    it("in words that steer no terminal", function()
      says([[ln -s "$(printf '/\033[2J')" "$(printf 'a\nb\377')"]], "a?b? -> /?[2J")
    end)

    it("nothing where they stay inside, or lead in a circle", function()
      says("ln -s ../.. a/b/root; ln -s loop loop; ln -s . here; ln -s a/../a/./b x", nil)
    end)
  end)

  it("follows no link to a directory", function()
    sh.run("mkdir " .. dir .. "/../outside; ln -s /x " .. dir .. "/../outside/y; ln -s ../outside " .. dir .. "/out")
    template.check(dir)
    assert.equal(1, #warnings)
    assert.is_nil(warnings[1]:find("out/y", 1, true))
  end)

  it("says that submodules and LFS files are not fetched", function()
    sh.write(dir .. "/.gitmodules", "")
    sh.write(dir .. "/.gitattributes", "*.txt text\n*.bin filter=lfs diff=lfs merge=lfs -text\n")
    template.check(dir)
    assert.equal(2, #warnings)
    assert.truthy(warnings[1]:find("submodules", 1, true))
    assert.truthy(warnings[2]:find("Git LFS", 1, true))
  end)

  it("warns about LFS files that are named below the root", function()
    sh.write(dir .. "/models/deep/.gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\r\n")
    sh.write(dir .. "/models/.gitattributes", "*.txt text\n")
    template.check(dir)
    assert.equal(1, #warnings)
    assert.truthy(warnings[1]:find("only their pointer files are there (models/deep/.gitattributes)", 1, true), warnings[1])
  end)

  it("takes no other attribute for LFS, and reads no attributes through a link", function()
    sh.write(dir .. "/.gitattributes", "# *.bin filter=lfs\n*.bin filter=lfsx\n")
    template.check(dir)
    sh.write(dir .. "/../outside", "*.bin filter=lfs\n")
    sh.run("ln -sf ../outside " .. dir .. "/.gitattributes")
    template.check(dir)
    assert.equal(1, #warnings)
    assert.truthy(warnings[1]:find("links lead out", 1, true))
  end)
end)
