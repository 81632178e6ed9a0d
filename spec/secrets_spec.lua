-- The secrets of a build: where they come from, what the masker knows of them, what is refused.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local run = require "spec.support.run"
local secret = require "molbuild.base.secret"
local secrets = require "molbuild.engine.secrets"
local sh = require "spec.support.sh"

describe("what is masked of a secret", function()
  local function parts(value) return table.concat(secret.parts(value), "|") end

  it("is a line, without what surrounds it", function()
    assert.equal("sesame-open", parts "sesame-open\n")
    assert.equal("sesame open", parts "  sesame open \r\n")
  end)

  it("is each line, and the last word of each, where files of programs have theirs", function()
    assert.equal("machine a.example login me password s3cret-word|s3cret-word",
      parts "machine a.example login me password s3cret-word\n")
    assert.equal("[global]|password = s3cret-word|s3cret-word", parts "[global]\npassword = s3cret-word\n")
    assert.equal("//npm.example/:_authToken=npm_0123456789|npm_0123456789", parts "//npm.example/:_authToken=npm_0123456789")
    assert.equal("_auth=dXNlcjpwYXNzd29yZA==|dXNlcjpwYXNzd29yZA", parts "_auth=dXNlcjpwYXNzd29yZA==")
    assert.equal('"token": "s3cret-word",|s3cret-word', parts '{\n\t"token": "s3cret-word",\n}\n')
  end)

  it("is nothing that is as short as ordinary words", function()
    assert.equal("", parts "a\nbc\nseven77\n")
  end)

  it("is a long line in pieces, none of which ends within a character", function()
    local list = secret.parts(("x"):rep(4095) .. ("\u{E9}"):rep(3000))
    assert.equal(("x"):rep(4095), list[1])
    assert.equal(3, #list)
    for _, part in ipairs(list) do assert.truthy(#part <= 4096 and utf8.len(part)) end
  end)
end)

describe("a secret's file", function()
  local dir

  before_each(function()
    dir = sh.temporary "secrets"
    core.mask.clear()
  end)
  after_each(function()
    sh.remove(dir)
    core.mask.clear()
  end)

  local function file(name, text)
    sh.write(dir .. "/" .. name, text)
    sh.run { "chmod", "600", dir .. "/" .. name }
    return { pip = { file = dir .. "/" .. name } }
  end

  local function refused(map, words)
    local ok, failure = pcall(secrets.check, map)
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "usage"), tostring(failure))
    assert.truthy(failure.message:find(words, 1, true), failure.message)
    assert.is_nil(failure.message:find "\n")
    return failure.message
  end

  it("is passed on byte by byte, and masked by its parts", function()
    local text = "index = https://pip.example\r\ntoken = sesame-open-1\n"
    local open <close> = secrets.open(file("pip.conf", text))
    assert.equal(text, core.fs.read(open.paths.pip))
    assert.equal("got ***, in base64 ***", core.mask.text "got sesame-open-1, in base64 c2VzYW1lLW9wZW4tMQ==")
    assert.is_nil(core.mask.text(sh.run { "base64", "-w0", dir .. "/pip.conf" }):find("c2VzYW1l", 1, true))
  end)

  it("is read again for each build, since it may have changed", function()
    local map = file("token", "sesame-open-1\n")
    secrets.check(map)
    file("token", "sesame-open-2\n")
    local open <close> = secrets.open(map)
    assert.equal("sesame-open-2\n", core.fs.read(open.paths.pip))
    assert.equal("*** ***", core.mask.text "sesame-open-1 sesame-open-2")
  end)

  it("leaves nothing open", function()
    local open = secrets.open(file("token", "sesame-open-1\n"))
    getmetatable(open).__close(open)
    assert.is_nil(core.fs.read(open.paths.pip))
  end)

  it("is refused by its name when it is not there, empty or no file", function()
    refused({ pip = { file = dir .. "/none" } }, "secrets.pip: cannot read " .. dir .. "/none")
    refused(file("empty", ""), "secrets.pip: " .. dir .. "/empty is empty")
    refused({ pip = { file = dir } }, "secrets.pip: ")
    refused({ pip = { file = "/dev/zero" } }, "secrets.pip: ")
    refused({ pip = { env = "MOLBUILD_SPEC_UNSET" } }, "secrets.pip: the variable MOLBUILD_SPEC_UNSET is not set")
  end)

  it("is refused when it could not be masked, and is not shown", function()
    for _, case in ipairs {
      { "short", "seven77\n", "no line of it has at least 8 characters" },
      { "binary", "sesame\0open-1", "it is not text, so it could not be masked; encode it, for example with base64" },
      { "latin1", "sesame-open-\xE9", "it is not text" },
      { "escape", "sesame-open-\27[1m", "it is not text" },
      { "bidi", "sesame-open-\u{202E}", "a secret must not hold control characters" },
    } do
      local message = refused(file(case[1], case[2]), case[3])
      assert.truthy(message:find("secrets.pip (" .. dir .. "/" .. case[1] .. ") cannot be used: ", 1, true), message)
      assert.is_nil(message:find("sesame", 1, true), message)
    end
  end)

  it("has at most what BuildKit takes", function()
    secrets.check(file("large", ("x"):rep(secrets.MAX)))
    assert.equal("***", core.mask.text(("x"):rep(4096)))
    refused(file("larger", ("x"):rep(secrets.MAX + 1)), "larger than 512000 bytes")
  end)

  it("may be a pipe, which is read once", function()
    local path = dir .. "/pipe"
    sh.run { "mkfifo", "-m", "600", path }
    sh.run(("(echo sesame-open-3 >%s) >/dev/null 2>&1 &"):format(path))
    secrets.check { pip = { file = path } }
    local open <close> = secrets.open { pip = { file = path } }
    assert.equal("sesame-open-3\n", core.fs.read(open.paths.pip))
  end)

  it("that other users can read is named in a warning", function()
    local map = file("open", "sesame-open-4\n")
    sh.run { "chmod", "644", dir .. "/open" }
    local seen = run.run { args = { "run", "/dev/stdin" }, stdin = ([[return { run = function()
      molbuild.secrets.check { pip = { file = %q } }
      return "x"
    end }]]):format(map.pip.file) }
    assert.equal(0, seen.status, seen.stderr)
    local words = "warning: secrets.pip: other users can read " .. dir .. "/open (chmod go= "
    assert.truthy(seen.stderr:find(words, 1, true), seen.stderr)
  end)
end)

describe("a secret's variable", function()
  local POLICY = [[return { run = function()
    local map = { pip = { env = "SPEC_PIP" }, other = { env = "SPEC_PIP" } }
    molbuild.secrets.take(map)
    molbuild.secrets.take(map)
    local child = molbuild.child.run { argv = { "sh", "-c", "echo child $SPEC_PIP; cat /proc/$PPID/environ" }, capture = 100000 }
    local open <close> = molbuild.secrets.open(map)
    molbuild.log.info("%s", molbuild.core.fs.read(open.paths.other))
    return child.stdout:find("sesame", 1, true) and "inherited" or "kept"
  end }]]

  it("is taken out of the environment for all jobs, and masked", function()
    local seen = run.run { args = { "run", "/dev/stdin" }, stdin = POLICY, env = { SPEC_PIP = "sesame-open-5" } }
    assert.equal(0, seen.status, seen.stderr)
    assert.equal("kept\n", seen.stdout)
    assert.is_nil((seen.stdout .. seen.stderr):find("sesame", 1, true))
    assert.truthy(seen.stderr:find("***", 1, true), seen.stderr)
  end)

  it("that is not set is no error until a build needs it", function()
    local seen = run.run { args = { "run", "/dev/stdin" }, stdin = POLICY, env = { SPEC_PIP = false } }
    assert.equal(2, seen.status)
    assert.truthy(seen.stderr:find("secrets.other: the variable SPEC_PIP is not set", 1, true), seen.stderr)
  end)
end)
