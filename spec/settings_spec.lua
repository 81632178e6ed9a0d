-- The settings of a policy: read, checked and shown with their sources.
local cjson = require "cjson"
local errors = require "molbuild.base.errors"
local pages = require "spec.support.pages"
local molbuild = require "molbuild"
local settings = require "molbuild.base.settings"
local settings_show = require "molbuild.settings_show"
local task = require "molbuild.base.task"

local core = require "molbuild.core"

describe("the settings of a policy", function()
  local policy, variables
  local getenv = core.sys.getenv

  before_each(function()
    variables = {}
    core.sys.getenv = function(name) return variables[name] end
    policy = settings.define({ runtimes = { "hermes", "codex" }, per_runtime = {} }, {
      { "branch", "main", "branch", "the branch", per_runtime = true, replaces = "branches" },
      { "ceiling", 720, "seconds", "the longest time", variable = "CEILING_S", per_runtime = true, zero = math.huge },
      { "retries", 1, "count", "how often", variable = "RETRIES" },
      { "files", 20, "count", "how many", variable = "FILES", min = 1, max = 100 },
      { "kind", "a", "choice", "which", variable = "KIND", choices = { "a", "b" } },
      { "helper", "0", "switch", "whether", variable = "HELPER" },
      { "platform", "linux/amd64", "platform", "the platform", variable = "PLATFORM", per_runtime = true },
      { "isolation", nil, "ending", "an ending", variable = "ISOLATION" },
      { "prefix", "https://forge.example/o/t-", "text", "a URL", variable = "PREFIX" },
      { "args", { A = "1" }, "map", "arguments", per_runtime = true },
      { "token", nil, "secret", "a secret", variable = "TOKEN" },
      { "token_env", nil, "secret", "where a secret is", per_runtime = "only" },
    })
  end)

  after_each(function() core.sys.getenv = getenv end)

  local function fails(kind, runtime)
    local ok, failure = pcall(settings.list, policy, runtime)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, kind), tostring(failure.kind) .. ": " .. tostring(failure))
    return failure.message
  end

  local function entry(name, runtime)
    for _, one in ipairs(settings.list(policy, runtime)) do
      if one.row[1] == name then return one end
    end
  end

  it("are fields of the policy, with their defaults", function()
    assert.equal("main", policy.branch)
    assert.equal(720, policy.ceiling)
    assert.same({ A = "1" }, policy.args)
    assert.same({ 720, "default" }, { entry("ceiling").value, entry("ceiling").origin })
  end)

  it("where 0 is no bound are math.huge in a job, and 0 in texts", function()
    policy.ceiling, policy.retries = 0, 0
    assert.same({ math.huge, 0 }, { settings.read(policy, "hermes").ceiling, settings.read(policy, "hermes").retries })
    assert.equal(0, entry("ceiling", "hermes").value)
    policy.ceiling, variables.CEILING_S = 720, "0"
    assert.equal(math.huge, settings.read(policy, "hermes").ceiling)
    policy.per_runtime.hermes, variables.CEILING_S = { ceiling = 0 }, nil
    assert.equal(math.huge, settings.read(policy, "hermes").ceiling)
    assert.equal(720, settings.read(policy, "codex").ceiling)
  end)

  it("may be math.huge in a policy, too", function()
    policy.ceiling = math.huge
    assert.equal(math.huge, settings.read(policy, "hermes").ceiling)
    assert.truthy(settings_show.text(settings.list(policy)):find("ceiling +inf"))
  end)

  it("that are switches have the words in use", function()
    assert.equal("0", entry("helper").value)
    for word, value in pairs { ["1"] = "1", yes = "1", ["true"] = "1", ["0"] = "0", ["false"] = "0", off = "0" } do
      variables.HELPER = word
      assert.equal(value, entry("helper").value, word)
    end
    variables.HELPER = "maybe"
    assert.equal('HELPER must be 0 or 1, not "maybe"', fails "usage")
    variables.HELPER, policy.helper = nil, true
    assert.equal('helper must be "0" or "1", not "true"', fails "bug")
  end)

  it("come from the default, a fork, the fork's word on one runtime, or a variable, which wins", function()
    policy.ceiling = 60
    assert.same({ 60, "fork", "ceiling" }, { entry("ceiling").value, entry("ceiling").origin, entry("ceiling").where })
    policy.per_runtime.hermes = { ceiling = 1800 }
    local one = entry("ceiling", "hermes")
    assert.same({ 1800, "fork", "per_runtime.hermes.ceiling" }, { one.value, one.origin, one.where })
    assert.equal(60, entry("ceiling", "codex").value)
    variables.CEILING_S = "90"
    one = entry("ceiling", "hermes")
    assert.same({ 90, "variable", "CEILING_S" }, { one.value, one.origin, one.where })
    variables.CEILING_S = ""
    assert.equal(1800, entry("ceiling", "hermes").value)
  end)

  it("are the fields of a job, with the variable of each", function()
    local job = settings.read(policy, "hermes")
    assert.equal(720, job.ceiling)
    assert.equal("CEILING_S", job.variables.ceiling)
    assert.is_nil(job.token)
    job.args.B = "2"
    assert.same({ A = "1" }, policy.args)
  end)

  -- Within a run the variables are read once. What a policy sets between two jobs counts, and so do inherited fields.
  it("are read for each job of a run", function()
    variables.FILES = "7"
    local function read(of)
      local job = settings.read(of, "hermes")
      return { job.ceiling, job.retries, job.files, job.kind }
    end
    task.run(function()
      task.scope().run = {}
      assert.same({ 720, 1, 7, "a" }, read(policy))
      policy.ceiling, policy.retries, policy.kind = 0, 3, "b"
      assert.same({ math.huge, 3, 7, "b" }, read(policy))
      policy.ceiling, policy.kind = 720, "a"
      policy.per_runtime.hermes = { ceiling = 60 }
      local heir = setmetatable({ runtimes = policy.runtimes, per_runtime = policy.per_runtime }, { __index = policy })
      assert.same({ 60, 3, 7, "a" }, read(heir))
      assert.is_nil(rawget(settings.read(heir, "codex"), "isolation"))
      policy.isolation = "x"
      assert.equal("x", settings.read(heir, "codex").isolation)
      assert.equal("CEILING_S", settings.read(heir, "codex").variables.ceiling)
    end)
  end)

  it("that are tables are mixed: the runtime's entries win", function()
    policy.args.B = "2"
    policy.per_runtime.hermes = { args = { B = "3", C = "4" } }
    assert.same({ A = "1", B = "3", C = "4" }, settings.read(policy, "hermes").args)
    assert.same({ A = "1", B = "2" }, settings.read(policy, "codex").args)
  end)

  it("of a fork that are invalid are the policy's mistake, and are named", function()
    for name, case in pairs {
      ceiling = { "5m", 'ceiling must be a number of seconds, not "5m"' },
      files = { 2.5, 'files must be a whole number of at least 1 of at most 100, not "2.5"' },
      kind = { "c", 'kind must be a or b, not "c"' },
      platform = { "arm64", 'platform: "arm64" is not a platform, such as linux/arm64' },
      branch = { "a b", 'the branch "a b" cannot be used: it holds a space or a control character' },
      args = { { "x" }, "args must be a table of name = text: [1] is not" },
    } do
      local before = policy[name]
      policy[name] = case[1]
      assert.equal(case[2], fails "bug")
      policy[name] = before
    end
    policy.per_runtime.hermes = { ceiling = true }
    assert.equal('per_runtime.hermes.ceiling must be a number of seconds, not "true"', fails("bug", "hermes"))
  end)

  it("of a variable that are invalid are the caller's", function()
    for variable, value in pairs {
      FILES = "0", KIND = "c", PLATFORM = "x", ISOLATION = "-x", CEILING_S = "soon",
    } do
      variables = { [variable] = value }
      assert.truthy(fails("usage"):find(variable, 1, true))
    end
  end)

  it("for single runtimes are known ones, of known runtimes", function()
    policy.per_runtime = { hermes = { ceilng = 1 } }
    assert.equal('per_runtime.hermes.ceilng: no such setting; did you mean "ceiling"? '
      .. "(one of branch, ceiling, platform, args, token_env)", fails "bug")
    policy.per_runtime = { hermes = { files = 1 } }
    assert.truthy(fails("bug"):find("per_runtime.hermes.files: no such setting", 1, true))
    policy.per_runtime = { unknown = {} }
    assert.equal("per_runtime.unknown: no such runtime (one of hermes, codex)", fails "bug")
    policy.per_runtime = { hermes = "next" }
    assert.equal("per_runtime.hermes must be a table of settings, not a string", fails "bug")
  end)

  for name, case in pairs {
    ["runtimes that are a text"] = { "runtimes", "hermes", "runtimes must be a list of names, not a string" },
    ["runtimes that are a map"] = { "runtimes", { hermes = {} }, "runtimes must be a list of names: [hermes] is not" },
    ["runtimes that are numbers"] = { "runtimes", { 1 }, "runtimes must be a list of names: [1] is not" },
    ["runtimes' settings that are a list"] =
      { "per_runtime", { "hermes" }, "per_runtime must be a table of runtime = settings, not a list" },
    ["runtimes' settings that are a text"] =
      { "per_runtime", "hermes", "per_runtime must be a table of runtime = settings, not a string" },
    ["inputs that are a list"] = { "inputs", { "VERSION" }, "inputs must be a table of name = text: [1] is not" },
    ["a map that is a list"] = { "args", { "A=1" }, "args must be a table of name = text: [1] is not" },
  } do
    it("do not hide a list where a map is meant, or the other way round: " .. name, function()
      policy[case[1]] = case[2]
      assert.equal(case[3], fails "bug")
    end)
  end

  it("that had another name are refused under it", function()
    policy.branches = { hermes = "next" }
    assert.equal("branches is no longer a setting: write per_runtime.NAME = { branch = ... }", fails "bug")
  end)

  it("have the names that a policy may use, and those that it may not use any more", function()
    local known, former = settings.names(policy.settings)
    assert.is_true(known.branch)
    assert.is_nil(known.branches)
    assert.same({ branches = "per_runtime.NAME = { branch = ... }" }, former)
  end)

  it("take native for a platform", function()
    variables.PLATFORM = "native"
    assert.equal("native", entry("platform").value)
  end)

  describe("as an ending of tags", function()
    it("is trimmed, and none when nothing is left", function()
      variables.ISOLATION = " ci-7_a.b\t\n"
      assert.equal("ci-7_a.b", entry("isolation").value)
      variables.ISOLATION = " \n"
      assert.is_nil(entry("isolation").value)
    end)

    it("stays the fork's where the variable is blank, and is none where the fork's is empty", function()
      policy.isolation, variables.ISOLATION = "ci-7", " \t"
      assert.same({ "ci-7", "fork" }, { entry("isolation").value, entry("isolation").origin })
      policy.isolation = ""
      assert.is_nil(entry("isolation").value)
      policy.isolation = 7
      assert.equal("isolation must be a text, not a number", fails "bug")
    end)

    it("has at most 48 characters of a few kinds", function()
      variables.ISOLATION = ("x"):rep(48)
      assert.equal(48, #entry("isolation").value)
      for _, value in ipairs { ("x"):rep(49), "A", "-x", ".x", "_x", "a b", "a/b", "a:b", "ä", "a\nb", "a\0b" } do
        variables.ISOLATION = value
        assert.truthy(fails("usage"):find("ISOLATION", 1, true), value)
      end
    end)
  end)

  it("that are secrets are in no policy; one runtime may name where its own is", function()
    policy.token = "hunter2hunter2"
    assert.equal("token is not set in a policy, but by the variable TOKEN", fails "bug")
    policy.token, policy.token_env = nil, "MINE"
    assert.equal("token_env is not set in a policy: write per_runtime.NAME = { token_env = ... }", fails "bug")
    policy.token_env, policy.per_runtime = nil, { hermes = { token_env = "MINE" } }
    assert.same({ "MINE", "fork" }, { entry("token_env", "hermes").value, entry("token_env", "hermes").origin })
    assert.is_nil(entry("token_env", "codex").value)
    policy.per_runtime.hermes.token_env = 7
    assert.equal("per_runtime.hermes.token_env must be a text, not a number", fails("bug", "hermes"))
  end)

  it("are shown with value and origin; a secret's value is not", function()
    variables.TOKEN, variables.PREFIX = "hunter2hunter2", "https://me:secret77@forge.example/o/t-"
    local text = settings_show.policy(policy, "x.lua", nil, false)
    assert.truthy(text:find "\nceiling +720 +default\n", text)
    assert.truthy(text:find "\ntoken +%(set%) +variable TOKEN\n", text)
    assert.is_nil(text:find "hunter2")
    assert.is_nil(text:find "secret77")
    for line in settings_show.policy(policy, "x.lua", "hermes", true):gmatch "[^\n]+" do
      local object = cjson.decode(line)
      assert.is_nil(line:find "hunter2" or line:find "secret77")
      assert.is_string(object.name)
      assert.is_string(object.origin)
    end
  end)

  it("are those of a known runtime alone, and of a policy that declares some", function()
    assert.has_error(function() settings_show.policy(policy, "x.lua", "unknown", false) end)
    local ok, failure = pcall(settings_show.policy, {}, "x.lua", nil, false)
    assert.is_false(ok)
    assert.equal("x.lua declares no settings", failure.message)
  end)
end)

describe("the settings of ensure.lua", function()
  it("are the same in docs/settings.md, docs/policy.md, the manual and the policy's tables", function()
    local list = pages.list()
    assert.equal(3, #list)
    for _, page in ipairs(list) do
      assert.is_true(page.text == page.is, page.path .. " is out of date: run make docs")
    end
  end)

  it("have a meaning each, and a type that is known", function()
    local policy = molbuild.load "scripts/ensure.lua"
    assert.is_true(#policy.settings >= 20)
    for _, row in ipairs(policy.settings) do
      assert.is_string(row[1])
      assert.is_string(row[4], row[1])
    end
    assert.equal(#policy.settings, #settings.list(policy))
  end)

  it("have defaults that are as good as what a fork may set", function()
    local policy, rows = molbuild.load "scripts/ensure.lua", {}
    for index, row in ipairs(policy.settings) do
      rows[index] = setmetatable({ row[1], nil, row[3], row[4] }, { __index = function(_, key)
        return key ~= 2 and (key == "per_runtime" and row[key] ~= nil or row[key]) or nil
      end })
    end
    policy.settings = rows -- no value is a default's any more
    for _, entry in ipairs(settings.list(policy)) do
      assert.same(policy[entry.row[1]], entry.value)
    end
  end)

  it("name runtimes that exist, where one needs another", function()
    local policy = molbuild.load "scripts/ensure.lua"
    policy.per_runtime.hermes = { needs = { "codxe" } }
    assert.matches('per_runtime.hermes.needs: codxe: no such runtime; did you mean "codex"?',
      settings.mistakes(policy)[1], 1, true)
  end)

  it("have what the native fork says", function()
    local job = settings.read(molbuild.load "scripts/ensure-native.lua", "hermes")
    assert.same({ "native", "always" }, { job.platform, job.tag_arch })
  end)
end)
