local cache = require "molbuild.cache"
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local sh = require "spec.support.sh"
local task = require "molbuild.task"

-- In a place where everybody may write, such as a shared temporary directory.
describe("a cache's directory", function()
  local dir, root

  before_each(function()
    dir = core.fs.realpath(sh.temporary "cache")
    root = dir .. "/molecule/build"
    sh.run { "chmod", "1777", dir }
  end)

  after_each(function()
    sh.remove(dir)
  end)

  --- Use the cache as a policy does.
  local function use()
    return task.run(function()
      local lock <close> = cache.lock(root, "hermes", {})
      local staging <close> = cache.staging(root, "hermes")
      cache.repository(root, "hermes")
      sh.write(staging.path .. "/tree/Dockerfile", "FROM scratch\n")
      cache.publish(staging.path .. "/tree", root .. "/hermes/0123456789ab")
      return lock and sh.read(root .. "/hermes/0123456789ab/Dockerfile")
    end)
  end

  local function assert_refused(path)
    local ok, failure = pcall(use)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "failed"), tostring(failure))
    assert.equal(path .. " belongs to another user (65534), where everybody may write", failure.message)
    assert.equal("put the cache where only you may write", failure.hint)
  end

  it("is made, and nobody else may look into it", function()
    assert.equal("FROM scratch\n", use())
    for _, path in ipairs { dir .. "/molecule", root, root .. "/locks", root .. "/hermes" } do
      assert.equal(448, core.fs.lstat(path).mode)
    end
  end)

  it("may be ours, by a link of ours", function()
    sh.run { "mkdir", dir .. "/real" }
    sh.run { "ln", "-s", dir .. "/real", dir .. "/molecule" }
    assert.equal("FROM scratch\n", use())
  end)

  -- Only root can give a directory to somebody else.
  if core.sys.uid() == 0 then
    for what, prepare in pairs {
      ["is another's"] = "mkdir molecule && chown 65534 molecule",
      ["is ours, in another's"] = "mkdir -p molecule/build && chown 65534 molecule",
      ["is found by another's link"] = "mkdir real && ln -s real molecule && chown -h 65534 molecule",
      ["is another's, found by a link of ours"] = "mkdir real && ln -s real molecule && chown 65534 real",
    } do
      it("is not used where it " .. what, function()
        sh.run(("cd %s && %s"):format(dir, prepare))
        assert_refused(dir .. (what:find "link of ours" and "/real" or "/molecule"))
        assert.equal("", sh.run(("find %s -name '*.lock' -o -name Dockerfile"):format(dir)))
      end)
    end

    for _, part in ipairs { "locks", "tmp", "repositories", "hermes" } do
      it("is not used where everybody may write and another's " .. part .. " is in it", function()
        sh.run(("mkdir -p %s/%s && chmod 1777 %s && chown 65534 %s/%s"):format(root, part, root, root, part))
        assert_refused(root .. "/" .. part)
        assert.equal("", sh.run(("ls %s/%s"):format(root, part)))
      end)
    end

    it("may be in a directory of somebody else's where only they may write", function()
      sh.run(("chmod 755 %s && mkdir %s/molecule && chown 65534 %s/molecule"):format(dir, dir, dir))
      assert.equal("FROM scratch\n", use())
    end)
  end
end)

describe("cache.prune", function()
  local dir

  before_each(function() dir = assert(core.fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/cache.")) end)
  after_each(function() core.fs.remove_tree(dir) end)

  -- Files, each a second newer than the one before.
  local function put(...)
    for time, name in ipairs { ... } do
      assert(os.execute(("touch -d @%d %s/%s"):format(time, dir, name)))
    end
  end

  it("keeps the newest, each with its log", function()
    put("aaaaaaaaaaaa", "aaaaaaaaaaaa.log", "bbbbbbbbbbbb.log", "000000000000", "111111111111", "111111111111.log")
    cache.prune(dir, 2)
    assert.same({ "000000000000", "111111111111", "111111111111.log" }, core.fs.list(dir))
  end)

  -- A fork may have a runtime that is called as a directory of the cache is.
  it("removes nothing but trees and logs", function()
    put("autogen.lock", "codex.git", "deepagents.Ab3xYz", "a", "b.log", "c")
    cache.prune(dir, 1)
    assert.same({ "autogen.lock", "c", "codex.git", "deepagents.Ab3xYz" }, core.fs.list(dir))
  end)
end)
