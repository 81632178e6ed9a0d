-- What a process that builds behind a result has from its starter, and what others see of it.
local behind = require "molbuild.machine.behind"
local cache = require "molbuild.repository.cache"
local core = require "molbuild.core"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local SHA = ("0123456789abcdef"):rep(3):sub(1, 40)

describe("a process behind a result", function()
  local dir, job, getenv, take_env

  before_each(function()
    dir, getenv, take_env = sh.temporary "behind", core.sys.getenv, core.sys.take_env
    job = { cache = dir, runtime = "hermes", sha = SHA }
  end)
  after_each(function()
    core.sys.getenv, core.sys.take_env = getenv, take_env -- luacheck: ignore 122
    sh.remove(dir)
  end)

  for word, left in pairs { ["7"] = { descriptor = 7, is_behind = true }, followed = { is_behind = false } } do
    it("knows that it is one, and its children do not: " .. word, function()
      local taken
      core.sys.getenv = function(name) return name == "MOLBUILD_BEHIND" and word or nil end -- luacheck: ignore 122
      core.sys.take_env = function(name) taken = name end -- luacheck: ignore 122
      assert.same(left, behind.left())
      assert.equal("MOLBUILD_BEHIND", taken)
    end)
  end

  it("is none where nothing was left", function()
    core.sys.getenv = function() end -- luacheck: ignore 122
    assert.is_nil(behind.left())
  end)

  it("takes over the lock that was left to it, and waits for another one", function()
    local run = { left = { is_behind = true } }
    task.run(function()
      local held <close> = cache.lock(dir, "hermes", { purpose = "build hermes" })
      run.left.descriptor = held:descriptor()
      task.scope().run, task.scope().locks = run, {}
      local other <close> = cache.lock(dir, "codex", { purpose = "build codex" })
      assert.is_true(other:held())
      assert.equal(held:descriptor(), run.left.descriptor)
      local heir = cache.lock(dir, "hermes", { purpose = "build hermes at 0123" })
      assert.equal("build hermes at 0123", core.lock.holder(dir .. "/locks/hermes.lock").purpose)
      assert.same({ is_behind = true, directory = dir .. "/locks" }, run.left)
      heir:leave()
    end)
  end)

  it("names its commit and its step in the lock, by which others find its log", function()
    task.run(function()
      local path, steps = dir .. "/locks/hermes.lock", {}
      assert.is_nil(behind.current(path))
      local lock <close> = cache.lock(dir, "hermes", { purpose = behind.purpose(job) })
      local function check(step)
        local current = behind.current(path)
        assert.same({ core.sys.pid(), "0123456789ab", step }, { current.pid, current.commit, current.step })
        assert.is_true(current.seconds >= 0 and current.seconds < 60)
        assert.equal(dir .. "/hermes/0123456789ab.log", behind.log(job, core.lock.holder(path)))
      end
      check(nil)
      local step = behind.describing(job, lock, function(name)
        check(name)
        steps[#steps + 1] = name
        return name .. "!"
      end)
      assert.same({ "clone!", "build!" }, { step "clone", step "build" })
      assert.same({ "clone", "build" }, steps)
    end)
    assert.is_nil(behind.log(job, { purpose = "gc" }))
  end)

  it("calls the steps of a policy whose lock is its own in the same way", function()
    for _, lock in ipairs { {}, setmetatable({}, { __index = error }), "none" } do
      assert.equal("x", behind.describing(job, lock, function(name) return name end)("x"))
    end
  end)

  describe("has a slot", function()
    local left

    before_each(function() left = { is_behind = true, directory = dir .. "/locks" } end)

    it("of which one cache has a given number", function()
      task.run(function()
        local waited = 0
        local function acquire() return behind.slots(2, left):acquire(function() waited = waited + 1 end) end
        local one, two = acquire(), acquire()
        assert.equal(0, waited)
        local third = task.spawn(acquire)
        sh.wait_for(function() core.sys.sleep(0.01) return waited > 0 end)
        one:close()
        third:join():close()
        two:close()
        assert.equal(1, waited)
      end)
    end)

    it("without waiting, where locks cannot be used, or its lock was not taken over", function()
      task.run(function()
        for _, directory in ipairs { "/dev/null/locks", false } do
          left.directory = directory or nil
          for _ = 1, 3 do behind.slots(1, left):acquire(function() error "it waits" end) end
        end
      end)
    end)
  end)
end)
