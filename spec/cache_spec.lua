local cache = require "molbuild.repository.cache"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

-- In a directory that all users may write to, such as a shared temporary directory.
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
    assert.equal(path .. " belongs to another user (65534), in a directory that all users may write to", failure.message)
    assert.equal("put the cache in a directory that only you may write to", failure.hint)
  end

  it("is private to its user", function()
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

  -- Only root can give a directory to another user.
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
      it("is not used where all users may write and another's " .. part .. " is in it", function()
        sh.run(("mkdir -p %s/%s && chmod 1777 %s && chown 65534 %s/%s"):format(root, part, root, root, part))
        assert_refused(root .. "/" .. part)
        assert.equal("", sh.run(("ls %s/%s"):format(root, part)))
      end)
    end

    it("may be in another user's directory that only that user may write to", function()
      sh.run(("chmod 755 %s && mkdir %s/molecule && chown 65534 %s/molecule"):format(dir, dir, dir))
      assert.equal("FROM scratch\n", use())
    end)
  end
end)

describe("a lock of the cache", function()
  local root

  before_each(function() root = sh.temporary "cache" end)
  after_each(function() sh.remove(root) end)

  it("is no lock to wait for where the task, or one above it, holds it", function()
    task.run(function()
      local lock <close> = cache.lock(root, "hermes", {})
      for _, run in ipairs { pcall, function(fn, ...) local inner = task.spawn(fn, ...) return pcall(inner.join, inner) end } do
        local ok, failure = run(cache.lock, root, "hermes", {})
        assert.is_false(ok)
        assert.equal("bug", failure.kind)
        assert.truthy(failure.message:find("is held by this task itself: hermes is being built already", 1, true))
      end
      assert.is_true(lock:held())
    end)
  end)

  it("is free again when an error follows the wait for it", function()
    local path, failure = root .. "/locks/hermes.lock", nil
    task.run(function()
      cache.make_directory(root .. "/locks")
      local first = assert(core.lock.acquire(path, { purpose = "first" }))
      local waiting = task.spawn(function()
        task.scope().events = function(event) if event.event == "lock_acquired" then error("no reader", 0) end end
        return cache.lock(root, "hermes", { purpose = "second" })
      end)
      core.sys.sleep(0.02)
      first:release()
      failure = select(2, pcall(waiting.join, waiting))
      assert.truthy(tostring(failure):find("no reader", 1, true), tostring(failure))
      assert.is_true(core.lock.is_free(path))
      assert.equal("", sh.read(path))
    end)
  end)

  it("is one to wait for where a task beside this one holds it, and can be taken again", function()
    task.run(function()
      local order = {}
      local function use(name)
        local _ <close> = cache.lock(root, "hermes", {})
        core.sys.sleep(0.02)
        order[#order + 1] = name
      end
      local one, two = task.spawn(use, "one"), task.spawn(use, "two")
      one:join()
      two:join()
      use "three"
      use "four"
      assert.equal(4, #order)
    end)
  end)
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

  it("uses the recorded order of builds, not dates", function()
    for _, id in ipairs { "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc", "aaaaaaaaaaaa" } do
      assert(core.fs.mkdirp(dir .. "/staging"))
      cache.publish(dir .. "/staging", dir .. "/" .. id)
      sh.write(("%s/%s.log"):format(dir, id), "")
    end
    -- The clock was set back since; and one is of no build that was noted.
    sh.run(("mkdir %s/dddddddddddd && touch -d +2days %s/b* %s/c* %s/d*"):format(dir, dir, dir, dir))
    cache.prune(dir, 2)
    assert.same({ "aaaaaaaaaaaa", "aaaaaaaaaaaa.log", "cccccccccccc", "cccccccccccc.log", "order" }, core.fs.list(dir))
    cache.prune(dir, 0)
    assert.same({ "aaaaaaaaaaaa", "aaaaaaaaaaaa.log", "order" }, core.fs.list(dir))
  end)

  it("uses dates if the order cannot be read", function()
    put("aaaaaaaaaaaa", "bbbbbbbbbbbb")
    sh.write(dir .. "/order", "\0nothing of use\n")
    cache.prune(dir, 1)
    assert.same({ "bbbbbbbbbbbb", "order" }, core.fs.list(dir))
  end)

  -- A fork may have a runtime that is called as a directory of the cache is.
  it("removes only trees and logs", function()
    put("autogen.lock", "codex.git", "deepagents.Ab3xYz", "a", "b.log", "c")
    cache.prune(dir, 1)
    assert.same({ "autogen.lock", "c", "codex.git", "deepagents.Ab3xYz" }, core.fs.list(dir))
  end)
end)

describe("a cache whose file system is full", function()
  local root

  before_each(function()
    root = core.fs.realpath(sh.temporary "full")
    sh.run(("cd %s && mkdir -p locks tmp/codex.Ab3xYz tmp/hermes.Ab3xYz && touch locks/hermes.lock locks/codex.lock"):format(root))
    for _, name in ipairs { "codex", "hermes" } do
      sh.run(("cd %s && mkdir -p %s/aaaaaaaaaaaa %s/bbbbbbbbbbbb && touch -d @1 %s/aaaaaaaaaaaa && touch %s/aaaaaaaaaaaa.log")
        :format(root, name, name, name, name))
      sh.write(("%s/%s/order"):format(root, name), "aaaaaaaaaaaa\nbbbbbbbbbbbb\n")
    end
  end)

  after_each(function() sh.remove(root) end)

  local function files()
    return sh.run(("cd %s && find . -mindepth 2 | grep -v -e /order -e ^./locks | sort | tr '\\n' ' '"):format(root)):gsub(" $", "")
  end

  it("is freed of what can be spared, and what failed is done again, once", function()
    sh.run(("truncate -s 2M %s/codex/bbbbbbbbbbbb.log; echo x >%s/hermes/bbbbbbbbbbbb.log"):format(root, root))
    local calls = 0
    local words = task.run(function()
      return cache.with_room(root, "hermes", function()
        calls = calls + 1
        if calls == 1 then errors.raise { message = "no room", code = "ENOSPC" } end
        return "done"
      end)
    end)
    assert.same({ "done", 2 }, { words, calls })
    -- The newest files stay, except a log that fills the file system; so does the staging of the caller.
    assert.equal("./codex/bbbbbbbbbbbb ./hermes/bbbbbbbbbbbb ./hermes/bbbbbbbbbbbb.log ./tmp/hermes.Ab3xYz", files())
  end)

  it("is not freed of what another process works on", function()
    local before = files()
    local holder = io.popen(("flock %s/locks/codex.lock sh -c 'echo $$; exec sleep 600'"):format(root), "r")
    local pid = holder:read "n"
    task.run(function() return cache.make_room(root, nil) end)
    sh.run("kill " .. pid)
    holder:close()
    assert.equal(before:gsub("%./hermes/a[^ ]* ", ""):gsub(" %./tmp/hermes[^ ]*", ""), files())
  end)

  it("fails as it did where nothing can be spared, or for another reason", function()
    for _, case in ipairs { { "ENOSPC", 1 }, { "EACCES", 1 } } do
      local calls = 0
      local ok, failure = pcall(task.run, function()
        sh.run(("rm -rf %s/codex %s/hermes %s/tmp/*"):format(root, root, root))
        return cache.with_room(root, nil, function()
          calls = calls + 1
          errors.raise { message = "it failed", code = case[1] }
        end)
      end)
      assert.same({ false, "it failed", case[2] }, { ok, failure.message, calls })
    end
  end)
end)

-- Only root can give a directory to another user.
if core.sys.uid() == 0 then
  describe("the cache of another user", function()
    local dir

    before_each(function()
      dir = core.fs.realpath(sh.temporary "theirs")
      sh.run { "chmod", "755", dir }
      sh.run(("mkdir %s/home && chown 65534:65534 %s/home"):format(dir, dir))
    end)

    after_each(function() sh.remove(dir) end)

    it("gets all that root makes in it", function()
      local root = dir .. "/home/.cache/build"
      task.run(function()
        local lock <close> = cache.lock(root, "hermes", {})
        do
          local staging <close> = cache.staging(root, "hermes")
          sh.write(staging.path .. "/tree/sub/file", "x")
          sh.write(cache.repository(root, "hermes") .. "/HEAD", "x")
          cache.publish(staging.path .. "/tree", root .. "/hermes/0123456789ab")
          assert.truthy(lock)
        end
        sh.write(root .. "/hermes/0123456789ab.log", "x")
        cache.prune(root .. "/hermes", 3)
      end)
      assert.equal("", sh.run(("find %s/home -user root"):format(dir)))
      assert.equal("x", sh.read(root .. "/hermes/0123456789ab/sub/file"))
    end)
  end)
end
