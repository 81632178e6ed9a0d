local log = require "molbuild.base.log"
local task = require "molbuild.base.task"

describe("log", function()
  local seen

  before_each(function()
    seen = {}
    task.scope().events = function(e)
      seen[#seen + 1] = { e.event, e.level, e.message }
    end
  end)

  after_each(function()
    task.scope().events = nil
  end)

  it("emits a log event of each level", function()
    log.info("one")
    log.warn("two")
    log.error("three")
    assert.same({ { "log", "info", "one" }, { "log", "warn", "two" }, { "log", "error", "three" } }, seen)
  end)

  it("formats its arguments", function()
    log.info("%s is %d%%", "it", 50)
    assert.equal("it is 50%", seen[1][3])
  end)

  it("takes a text alone as it is", function()
    log.info("100%sure")
    assert.equal("100%sure", seen[1][3])
  end)

  it("says once what concerns the whole run", function()
    task.run(function()
      task.scope().said = {}
      task.map({ "hermes", "codex" }, {}, function(name)
        task.scope().runtime = name
        log.once("%s is missing", "buildx")
      end)
    end)
    assert.same({ { "log", "info", "buildx is missing" } }, seen)
  end)

  it("warns once of what concerns the whole run", function()
    task.run(function()
      task.scope().said = {}
      log.warn_once "slow"
      log.warn_once "slow"
    end)
    assert.same({ { "log", "warn", "slow" } }, seen)
  end)

  it("logs details with -v alone", function()
    log.detail("%s is %s", "git", "/usr/bin/git")
    assert.same({}, seen)
    task.scope().verbose = true
    log.detail("%s is %s", "git", "/usr/bin/git")
    task.scope().verbose = nil
    assert.same({ { "log", "info", "git is /usr/bin/git" } }, seen)
  end)

  it("logs a detail of the whole run once, with -v alone", function()
    task.run(function()
      task.scope().said = {}
      log.detail_once "the bundle is used"
      task.scope().verbose = true
      log.detail_once "the bundle is used"
      log.detail_once "the bundle is used"
      task.scope().verbose = nil
    end)
    assert.same({ { "log", "info", "the bundle is used" } }, seen)
  end)
end)
