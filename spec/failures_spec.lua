-- The memory of failures: which are remembered, how long, and what makes a build of another one.
local errors = require "molbuild.base.errors"
local failures = require "molbuild.machine.failures"
local json = require "molbuild.base.json"
local record = require "molbuild.machine.record"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local SHA = ("0123456789abcdef"):rep(3):sub(1, 40)

describe("a failed build", function()
  local dir, job, policy, time

  before_each(function()
    dir, time, policy = sh.temporary "failures", os.time, { name = "ensure.lua", sha256 = "aa" }
    job = {
      cache = dir, runtime = "hermes", tag = "molecule-local/workspace-template-hermes:0123456789ab", sha = SHA,
      repo_url = "https://forge.example/org/t-hermes", branch = "main", target_platform = "linux/amd64", build_args = { A = "b" },
      labels = {}, builder = "buildkit", failed_retry = 600, max_files = 20000, max_bytes = math.huge,
      variables = { failed_retry = "MOLECULE_FAILED_RETRY_S" },
      engine = { command = "docker", builder = function() return "buildkit" end },
    }
    task.scope().policy = function() return policy end
  end)
  after_each(function()
    os.time, task.scope().policy = time, nil -- luacheck: ignore 122
    sh.remove(dir)
  end)

  local function fail(fields)
    local failure = errors.new(fields or { kind = "build", message = "exit code: 3", hint = "look", log = dir .. "/log" })
    pcall(function()
      local _ <close> = record.begin(job)
      error(failure, 0)
    end)
  end

  local function at(seconds)
    local now = time()
    os.time = function(...) return select("#", ...) > 0 and time(...) or now + seconds end -- luacheck: ignore 122
  end

  it("is the failure of the next call, with its time, its log and what to do", function()
    fail()
    sh.write(dir .. "/log", "x")
    at(60)
    local ok, failure = pcall(failures.check, job)
    assert.is_false(ok)
    local words = "^exit code: 3 %(it failed 6%ds ago, and is not built again for %w+: MOLECULE_FAILED_RETRY_S%)$"
    assert.truthy(failure.message:find(words), failure.message)
    assert.same({ "build", false, "look; --rebuild builds it now", dir .. "/log" },
      { failure.kind, errors.retry(failure), failure.hint, failure.log })
    sh.remove(dir .. "/log")
    assert.is_nil(select(2, pcall(failures.check, job)).log)
  end)

  it("is forgotten after its time, and before it: a clock was set back", function()
    fail()
    for _, seconds in ipairs { 600, 100000, -10, -100000 } do
      at(seconds)
      assert.is_nil(failures.recall(job), tostring(seconds))
    end
    at(590)
    assert.is_table(failures.recall(job))
  end)

  for what, fields in pairs {
    ["took too long"] = { kind = "timeout" }, ["did not reach the forge"] = { kind = "remote" },
    ["had no engine"] = { kind = "missing_tool" }, ["found the disk full"] = { kind = "build", code = "disk" },
    ["did not reach a registry"] = { kind = "build", code = "unreachable" }, ["had to log in"] = { kind = "build", code = "auth" },
    ["was ended by a signal"] = { kind = "build", retry = true }, ["failed in a policy's own step"] = { kind = "failed" },
    ["lacked an engine for the processor"] = { kind = "build", code = "engine" },
  } do
    it("is not remembered when it " .. what, function()
      fail { kind = fields.kind, code = fields.code, retry = fields.retry, message = "no" }
      assert.is_nil(failures.recall(job))
    end)
  end

  it("is remembered when the template is not one", function()
    fail { kind = "template", message = "no Dockerfile" }
    assert.equal("no Dockerfile", failures.recall(job).message)
  end)

  for what, change in pairs {
    ["the setting is off"] = function() job.failed_retry = 0 end,
    ["it is forced"] = function() job.rebuild = true end,
    ["the commit is another one"] = function() job.sha = ("e"):rep(40) end,
    ["the platform is another one"] = function() job.target_platform = "linux/arm64" end,
    ["the repository is another one"] = function() job.repo_url = "https://forge.example/other/t-hermes" end,
    ["the policy has changed"] = function() policy.sha256 = "bb" end,
    ["a build argument has changed"] = function() job.build_args = { A = "c" } end,
    ["a build argument is gone"] = function() job.build_args = {} end,
    ["there is another build argument"] = function() job.build_args.B = "x" end,
    ["a bound of the template has changed"] = function() job.max_files = 1 end,
    ["there is no bound any more"] = function() job.max_files = math.huge end,
    ["the engine is another one"] = function() job.engine.command = "podman" end,
    ["the builder is another one"] = function() job.engine.builder = function() return "classic" end end,
    ["it is another stage"] = function() job.target = "dev" end,
    ["its memory is another"] = function() job.memory = 1 << 30 end,
    ["its processors are others"] = function() job.cpus = 2 end,
    ["its network is another"] = function() job.network = "none" end,
    ["its record is gone"] = function() sh.remove(dir .. "/hermes") end,
  } do
    it("is built again when " .. what, function()
      fail()
      assert.is_table(failures.recall(job))
      change()
      assert.is_nil(failures.recall(job))
    end)
  end

  it("with secrets, or ssh, may have failed because of them: it is built again, unless the template is none", function()
    for _, fields in ipairs { { secrets = { pip = { env = "PIP" } } }, { ssh = { "default" } } } do
      job.secrets, job.ssh = fields.secrets, fields.ssh
      fail()
      assert.is_nil(failures.recall(job))
      fail { kind = "template", message = "no Dockerfile" }
      assert.is_table(failures.recall(job))
    end
  end)

  for what, fields in pairs {
    ["a template that is none"] = { kind = "template" },
    ["a verification that did not end"] = { kind = "timeout", step = "verify" },
    ["a build"] = { kind = "build" }, ["a build that took too long"] = { kind = "timeout", step = "build" },
  } do
    local is_verdict = fields.kind == "template" or fields.step == "verify"
    it(("of %s is %s verdict about the commit"):format(what, is_verdict and "a" or "no"), function()
      job.failed_retry = 0
      fail { kind = fields.kind, step = fields.step, message = "no" }
      assert.equal(is_verdict, failures.is_refused(job))
      policy.sha256 = "bb"
      assert.equal(is_verdict, failures.is_refused(job))
      job.sha = ("e"):rep(40)
      assert.is_false(failures.is_refused(job))
    end)
  end

  it("lets nothing be built behind a result for a minute, or for the time of the setting", function()
    job.failed_retry = 0
    fail { kind = "remote", message = "gone" }
    at(30)
    local failure, age, left = failures.pause(job)
    assert.equal("gone", failure.message)
    assert.is_true(age >= 30 and left <= 30 and left > 0)
    at(65)
    assert.is_nil(failures.pause(job))
    job.failed_retry = 600
    assert.is_nil(failures.pause(job))
    fail()
    at(590)
    assert.is_table(failures.pause(job))
    at(-5)
    assert.is_nil(failures.pause(job))
  end)

  it("is built again when a later build of it succeeded", function()
    fail()
    job.image_id = "sha256:" .. ("a"):rep(64)
    do
      local open <close> = record.begin(job)
      open:good()
    end
    assert.is_nil(failures.recall(job))
  end)

  it("of an older program, whose record does not say whether a repetition may help, is built again", function()
    fail()
    local path = record.path(dir, "hermes", job.tag)
    local document = json.decode(sh.read(path))
    document.predicate.error.retry = nil
    sh.write(path, require("molbuild.progress.encode").value(document))
    assert.is_nil(failures.recall(job))
  end)
end)
