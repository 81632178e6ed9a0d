-- `molbuild check`: the program itself, run on small policies.
local cjson = require "cjson"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("molbuild check", function()
  local dir

  before_each(function() dir = sh.temporary "check" end)
  after_each(function() sh.remove(dir) end)

  local function policy(name, text)
    sh.write(dir .. "/" .. name, text)
    return dir .. "/" .. name
  end

  local function check(...)
    return run.run { args = { "check", ... } }
  end

  --- The findings for the lines of a fork of ensure.lua, without the path.
  local function findings(...)
    local lines = { 'local ensure = molbuild.load "ensure.lua"', ... }
    lines[#lines + 1] = "return ensure"
    local path = policy("fork.lua", table.concat(lines, "\n") .. "\n")
    local result = check(path)
    local found = {}
    for line in result.stdout:gmatch "[^\n]+" do
      assert.equal(path .. ":", line:sub(1, #path + 1))
      found[#found + 1] = line:sub(#path + 2)
    end
    assert.equal(#found > 0 and 1 or 0, result.status, result.stderr)
    assert.equal("", result.stderr)
    return found
  end

  it("finds nothing in the policies that come with the program", function()
    local result = check("ensure.lua", "ensure-native.lua", "docs/examples/build-arg.lua", "docs/examples/extra-runtime.lua")
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
  end)

  for line, finding in pairs {
    ["ensure.words.slow = { clone = true }"] = "ensure.words.slow must be a list of steps: [clone] is not",
    ['ensure.inputs = { "VERSION" }'] = "ensure.inputs must be a table of name = text: [1] is not",
    ['ensure.runtimes = "hermes"'] = "ensure.runtimes must be a list of names, not a string",
    ["function ensure.biuld(job) end"] = 'ensure.biuld: no such step; did you mean "build"?',
    ["ensure.ceilling = 5"] = 'ensure.ceilling: no such field; did you mean "ceiling"?',
    ["function ensure.build(job) return ensure.bulid(job) end"] = 'ensure.bulid: no such step; did you mean "build"?',
    ["local function f() ensure.ceilin = 5 end function ensure.build(job) f() end"] =
      'ensure.ceilin: no such field; did you mean "ceiling"?',
    ["function ensure.build(job) helper(job) end"] = "no global helper",
    ["function ensure.build(job) done = true end"] = "the global done is set: write `local done`",
    ["local t = {} for i = 1, 2 do t[i] = function() pirnt(i) end end"] = 'no global pirnt; did you mean "print"?',
    ["function ensure.build(job) os.exit(0) end"] =
      "os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    ["local exit = os.exit"] =
      "os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    ["function ensure.build(job) io.popen 'ls' end"] =
      "io.popen must not be called in a policy: run programs with molbuild.child.run",
    ["function ensure.build(job) return string.fmt('%s', job) end"] = "string.fmt: no such function",
    ["local git = molbuild.git function ensure.build(job) git.tre {} end"] =
      'molbuild.git.tre: no such function; did you mean "tree"?',
    ["local m = require 'molbuild' function ensure.build(job) m.gti.tree {} end"] =
      'molbuild.gti: no such module; did you mean "git"?',
    ["function ensure.build(job) molbuild.core.fs.reed 'x' end"] = 'molbuild.core.fs.reed: no such function; did you mean "read"?',
    ["function ensure.build(job) job.ceilng = 5 end"] = 'job.ceilng: no such field; did you mean "ceiling"?',
    ["function ensure.build(job) print(job.nothing) end"] = "job.nothing: no such field",
    ["ensure.build = 5"] = "ensure.build must be a function, not 5",
    ["ensure.gc = 5"] = "ensure.gc must be a function, not 5",
    ["ensure.build = {}"] = "ensure.build must be a function, not a table",
    ["ensure.run = nil"] = "ensure.run must be a function, not nothing",
    ["ensure.ceiling = '5m'"] = 'ensure.ceiling must be a number of seconds, not "5m"',
    ["ensure.platform = 'amd64'"] = true,
    ["ensure.build_args = { 'A=1' }"] = "ensure.build_args must be a table of name = text: [1] is not",
    ["ensure.per_runtime.hermez = {}"] = true,
    ["ensure.per_runtime.hermes = { stal = 1 }"] = true,
    ["ensure.per_runtime.hermes = { stall = 'x' }"] =
      'ensure.per_runtime.hermes.stall must be a number of seconds, not "x"',
    ["table.insert(ensure.runtimes, 'hermes')"] = "ensure.runtimes: hermes is in the list twice",
    ["table.insert(ensure.runtimes, 'a/b')"] = true,
    ["local x ="] = true,
    ["error 'at load'"] = "at load",
  } do
    it(("finds, with its line: %s"):format(line), function()
      local found = findings(line)
      local number = (line:find "runtimes, " or line == "local x =") and "%d" or "2"
      assert.equal(1, #found, table.concat(found, "\n"))
      assert.truthy(found[1]:find("^" .. number .. ": "), found[1])
      if finding ~= true then assert.equal(finding, found[1]:sub(4)) end
    end)
  end

  for _, line in ipairs {
    "local build = ensure.build function ensure.build(job) job.pulled = true build(job) if job.pulled then print 'x' end end",
    "ensure.extend { push = function(job) return job.tag end } function ensure.alias(job) ensure.push(job) end",
    "local names = {} function names.of(job) return job.runtime end ensure.latest = function(job) return names.of(job) end",
    "local other = math.random() > 2 and ensure or { anything = 1 } function ensure.check(job) return other.anything end",
    "local job = { mine = 1 } print(job.mine)",
    "function ensure.check(job) for _, one in ipairs { 'a' } do print(one, job.dir, _G.print, os.time(), io.stderr) end end",
    "local t = setmetatable({}, { __index = function(_, k) return k end }) print(t.anything)",
    "ensure.per_runtime.hermes = { branch = 'next', token_env = 'MINE' }",
    "ensure.gc = { keep = 3 }",
    "local ok, why = pcall(molbuild.git.branch_head, 'https://h/o/r', 'main', {}) print(ok, why)",
  } do
    it(("is content with: %s"):format(line), function() assert.same({}, findings(line)) end)
  end

  it("lists all findings of all files, and continues after one that does not load", function()
    local broken = policy("broken.lua", "return {\n  run = function( return 1 end }\n")
    local other = policy("other.lua", "return { go = 1 }\n")
    local result = check(broken, other, "ensure.lua")
    assert.equal(1, result.status)
    assert.equal(("%s:2: <name> or '...' expected near 'return'\n%s:1: other.run must be a function, not nothing\n")
      :format(broken, other), result.stdout)
  end)

  it("knows the fields that a fork of a fork gets from the one before it", function()
    policy("base.lua", [[
      local ensure = molbuild.load "ensure.lua"
      ensure.extend { push = function(job) job.pushed = true end }
      return ensure
    ]])
    local path = policy("second.lua", [[
      local ensure = molbuild.load "base.lua"
      function ensure.check(job) ensure.push(job) return job.pushed end
      function ensure.alias(job) ensure.pusch(job) end
      return ensure
    ]])
    local result = check(path)
    assert.equal(path .. ':3: ensure.pusch: no such step; did you mean "push"?\n', result.stdout, result.stderr)
  end)

  it("does not run the policy's functions, and needs no engine, forge or program", function()
    local path = policy("quiet.lua", 'return { run = function() error "run" end }\n')
    local program = sh.run { "realpath", run.program }
    local result = run.run { args = { "check", path }, env = { PATH = "/nonexistent" }, program = program }
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
  end)

  it("prints objects with --output=json", function()
    local path = policy("one.lua", "return { run = function() return os.exit(1) end }\n")
    local result = check("--output=json", path)
    assert.equal(1, result.status)
    assert.same({
      file = path, line = 1,
      message = "os.exit must not be called in a policy: return from the function, or raise an error with molbuild.raise",
    }, cjson.decode(result.stdout))
  end)

  it("is a usage error without a file, and with one that is not there", function()
    assert.equal(2, check().status)
    local result = check "nosuch.lua"
    assert.same({ 2, "" }, { result.status, result.stdout })
    assert.truthy(result.stderr:find("no script nosuch.lua", 1, true))
  end)
end)
