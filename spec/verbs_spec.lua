-- Verbs, help about a policy, the version of its contract, and eval: the program itself, with small policies.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("a verb of a policy", function()
  local dir

  before_each(function() dir = sh.temporary "verbs" end)
  after_each(function() sh.remove(dir) end)

  local function policy(name, text)
    sh.write(dir .. "/" .. name, text)
    return dir .. "/" .. name
  end

  local function molbuild(...)
    return run.run { args = { ... }, cwd = dir, program = sh.run { "realpath", run.program } }
  end

  local VERBS = [[return {
    verbs = { run = "do it", push_all = "push everything", broken = "not there" },
    run = function() return "ran" end,
    push_all = function(args) return table.unpack(args) end,
  }]]

  it("is a function that the command line calls, with what follows the script", function()
    local path = policy("my.lua", VERBS)
    local result = molbuild("push_all", "-q", path, "a", "--b")
    assert.same({ 0, "a\n--b\n", "" }, { result.status, result.stdout, result.stderr })
    assert.equal("ran\n", molbuild("run", "-q", path).stdout)
  end)

  it("may print nothing, other than run", function()
    local result = molbuild("push_all", "-q", policy("my.lua", VERBS))
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
    result = molbuild("run", "-q", policy("none.lua", "return { run = function() end }"))
    assert.same({ 70, "" }, { result.status, result.stdout })
  end)

  it("is one that the policy lists", function()
    local path = policy("my.lua", VERBS)
    local result = molbuild("push", "-q", path)
    assert.equal(2, result.status)
    assert.equal(("molbuild: %s has no verb push\nhint: molbuild help %s\n"):format(path, path), result.stderr)
    assert.truthy(molbuild("pusch_all", "-q", path).stderr:find('no verb pusch_all; did you mean "push_all"?', 1, true))
    assert.truthy(molbuild("broken", "-q", path).stderr:find("has no function broken", 1, true))
    assert.equal(70, molbuild("broken", "-q", path).status)
  end)

  it("is run alone in a policy that lists none", function()
    local path = policy("plain.lua", "return { run = function() return 'x' end, other = function() return 'y' end }")
    assert.equal("x\n", molbuild("run", "-q", path).stdout)
    assert.equal(2, molbuild("other", "-q", path).status)
  end)

  it("is listed by help, which finds the policy as a run does", function()
    local path = policy("my.lua", VERBS)
    local result = molbuild("help", path)
    assert.equal(("The verbs of %s:\n  molbuild broken %s    not there\n  molbuild push_all %s  push everything\n"
      .. "  molbuild run %s       do it\n"):format(path, path, path, path), result.stdout)
    assert.truthy(molbuild("help", "ensure").stdout:find "molbuild run ensure +make sure that images exist")
    assert.truthy(molbuild("help", "run").stdout:find("Usage: molbuild run", 1, true))
    assert.equal(2, molbuild("help", "nothing").status)
  end)

  it("is hinted at where it, the script or the runtime has a typing error", function()
    assert.truthy(molbuild("rnu").stderr:find('hint: did you mean "run"?', 1, true))
    assert.truthy(molbuild("run", "ensrue").stderr:find('hint: did you mean "ensure"?', 1, true))
    assert.truthy(molbuild("run", "ensrue.lua").stderr:find('hint: did you mean "ensure.lua"?', 1, true))
    local result = molbuild("run", "ensure", "claud-code")
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find('hint: did you mean "claude-code"?', 1, true), result.stderr)
  end)

  it("needs a program that knows the policy's api", function()
    local result = molbuild("run", policy("new.lua", "return { api = 2, run = function() return 'x' end }"))
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find("new.lua is written for api 2 of molbuild, and this program has api 1", 1, true))
    assert.equal("x\n", molbuild("run", policy("old.lua", "return { api = 1, run = function() return 'x' end }")).stdout)
    for _, api in ipairs { "0", "1.5", "'1'" } do
      local path = policy("odd.lua", ("return { api = %s, run = function() return 'x' end }"):format(api))
      assert.equal(70, molbuild("run", path).status, api)
    end
  end)
end)

describe("molbuild eval", function()
  local function eval(chunk, stdin)
    return run.run { args = { "eval", chunk }, stdin = stdin }
  end

  it("prints what a chunk returns, as Lua values", function()
    assert.equal('"x"\n{ 1, a = "b" }\nnil\n', eval('return molbuild.names.branch "x", { 1, a = "b" }, nil').stdout)
    assert.equal("3\n", eval("1 + 2").stdout)
    assert.equal("", eval("local x = 1").stdout)
    assert.equal("5\n", eval("-", "local x = 5\nreturn x\n").stdout)
  end)

  it("runs in a task, and can wait", function()
    assert.equal("true\n", eval("molbuild.core.sys.sleep(0.01)").stdout)
    assert.equal('"hello"\n', eval('molbuild.child.run({ argv = { "echo", "hello" }, capture = 100 }).stdout:sub(1, -2)').stdout)
  end)

  it("fails as a policy does", function()
    assert.equal(4, eval('molbuild.raise { kind = "remote", message = "x" }').status)
    assert.equal(70, eval("return nothing").status)
    assert.equal(2, eval("return (").status)
    assert.equal(2, run.run({ args = { "eval" } }).status)
    assert.equal(2, run.run({ args = { "eval", "1", "2" } }).status)
  end)
end)
