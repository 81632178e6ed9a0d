-- What molbuild inherits from its starter: neither it nor its children depend on that.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

-- Runs a child to its end, one that is ended at a bound, and prints what the child found.
local POLICY = [[
local molbuild = require "molbuild"
local script = 'grep "^Sig[BI]" /proc/self/status | tr -d "\n"'
return {
  run = function()
    local result = molbuild.child.run { argv = { "sh", "-c", script }, capture = 1000 }
    local ok, failure = pcall(molbuild.child.run, { argv = { "sleep", "1000" }, timeout = 0.2, grace = 5 })
    return (result.stdout:gsub("%c", " ")), ok or failure.kind
  end,
}
]]

-- Two signals beyond 31 are the C library's own: no program can set them.
local function signals(line, name)
  return tonumber(line:match(name .. ":%s*(%x+)"), 16) & 0x7FFFFFFF
end

describe("molbuild, started with", function()
  local dir

  before_each(function()
    dir = sh.temporary "start"
    sh.write(dir .. "/policy.lua", POLICY)
  end)

  after_each(function()
    sh.remove(dir)
  end)

  local function start(prefix, more)
    local options = { args = { "run", dir .. "/policy.lua" }, prefix = prefix, timeout = 30 }
    for name, value in pairs(more or {}) do options[name] = value end
    return run.run(options)
  end

  local function shell(line)
    return { "sh", "-c", line .. '; exec "$@"', "sh" }
  end

  for _, how in ipairs { "block", "ignore" } do
    it("signals that it has to " .. how .. " notices the end of its children, who have none of it", function()
      local result = start { "env", ("--%s-signal"):format(how) }
      assert.equal(0, result.status, result.stderr)
      assert.equal(0, signals(result.stdout, "SigBlk"))
      assert.equal(0, signals(result.stdout, "SigIgn"))
      assert.equal("timeout\n", result.stdout:match "\n(.*)$")
    end)
  end

  it("a limit of file sizes fails with an error where a file is too large", function()
    local policy = ('return { run = function() molbuild.child.run { argv = { "echo", "x" }, log_file = %q } return "done" end }')
    sh.write(dir .. "/policy.lua", policy:format(dir .. "/log"))
    local result = start(shell "exec 3>&1 4>&2; ulimit -f 0", { stdout = "/dev/null", stderr = "/dev/null" })
    assert.equal(0, result.status)
    assert.equal("", sh.read(dir .. "/log"))
  end)

  it("a limit of file sizes has children say what was too large, rather than die of it", function()
    sh.write(dir .. "/policy.lua", ([[return { run = function()
      local result = molbuild.child.run { argv = { "head", "-c", "100000", "/dev/zero" }, capture = 1 << 20 }
      local large = molbuild.child.run { argv = { "sh", "-c", "head -c 100000 /dev/zero >%s/large" } }
      return result.code, large.code, (large.tail:gsub("%%c", " "))
    end }]]):format(dir))
    local result = start(shell "ulimit -f 8")
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stdout:find("^0\n1\n.*File too large"), result.stdout)
  end)

  it("few descriptors raises their number where it may", function()
    local result = start(shell "ulimit -S -n 8")
    assert.equal(0, result.status, result.stderr)
  end)

  it("hardly any descriptors reports it, whichever file cannot be opened", function()
    for limit = 4, 12 do
      local result = start(shell("ulimit -n " .. limit))
      if result.status ~= 0 then
        assert.equal(1, result.status, ("%d: %s"):format(limit, result.stderr))
        assert.is_nil(result.stderr:find("traceback", 1, true), result.stderr)
        local said = result.stderr:find("Too many open files", 1, true) or result.stderr:find("descriptors", 1, true)
        assert.truthy(said, result.stderr)
      end
    end
  end)

  it("an alarm ends cleanly when that goes off", function()
    sh.write(dir .. "/policy.lua", 'return { run = function() molbuild.child.run { argv = { "sleep", "1000" } } end }')
    local result = start { "perl", "-e", "alarm 1; exec @ARGV" }
    assert.equal(128 + 14, result.status, result.stderr)
  end)

  it("no PATH finds programs in the usual directories, and so do its children", function()
    sh.write(dir .. "/policy.lua", [[return { run = function()
      return (molbuild.child.run({ argv = { "sh", "-c", "echo $PATH; env true && echo found" }, capture = 100 }).stdout
        :gsub("\n", " "))
    end }]])
    for _, path in ipairs { false, "" } do
      local result = start(nil, { env = { PATH = path } })
      assert.equal("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin found \n", result.stdout, result.stderr)
    end
  end)
end)
