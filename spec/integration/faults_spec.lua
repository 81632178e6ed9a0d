-- core/test/faulty.c, by which `make faults` lets allocations and closes fail, and what is tried with it at each point.
local molbuild = os.getenv "MOLBUILD_BIN" or "build/molbuild"
local sh = require "spec.support.sh"

local FAULTY = (os.getenv "BUILD" or "build") .. "/test/faulty.so"
local LUA = os.getenv "LUA" or "lua5.4"

--- Run a shell command with the library: its stdout and stderr, and its exit status.
local function run(settings, command)
  local pipe = io.popen(("env LD_PRELOAD=%s %s %s 2>&1; echo \" $?\""):format(sh.quote(FAULTY), settings, command))
  local text, status = pipe:read "a":match "^(.-) (%d+)\n$"
  pipe:close()
  return text, tonumber(status)
end

describe("the library that lets calls fail", function()
  local counts = os.tmpname()
  teardown(function() os.remove(counts) end)

  local function counted(settings, command)
    sh.write(counts, "")
    run("FAULTY_COUNTS=" .. counts .. " " .. settings, command)
    return ("<I8I8"):unpack(sh.read(counts))
  end

  it("counts the same in each run", function()
    local first, second = counted("", LUA .. " -v"), counted("", LUA .. " -v")
    assert.is_true(first > 0)
    assert.equal(first, second)
  end)

  it("lets one allocation fail", function()
    local text, status = run("FAULTY_ALLOC=1", LUA .. " -v")
    assert.equal(1, status)
    assert.is_truthy(text:find "memory")
  end)

  it("lets all fail from one on", function()
    local program = LUA .. [[ -e 'for _ = 1, 3 do print(pcall(string.rep, "x", 1000000)) end']]
    local before = counted("", LUA .. " -e 'local x'")
    local _, once = run(("FAULTY_ALLOC=%d"):format(before + 100), program):gsub("true", "")
    local _, from_on = run(("FAULTY_ALLOC=%d+"):format(before), program):gsub("true", "")
    assert.is_true(once >= 2)
    assert.equal(0, from_on)
  end)

  it("lets a close fail that has released its descriptor", function()
    local _, closes = counted("", "cat /dev/null")
    assert.is_true(closes >= 1)
    local text, status = run("FAULTY_CLOSE=1:28", "cat /dev/null")
    assert.equal(1, status)
    assert.is_truthy(text:find "No space left")
  end)

  it("leaves the children of the program alone", function()
    assert.equal("", (run("FAULTY_ALLOC=100000000", "env"):gsub("[^\n]*\n", function(line)
      return (line:find "FAULTY" or line:find "LD_PRELOAD") and line or ""
    end)))
  end)
end)

describe("a digest", function()
  local dir = sh.temporary "faults"
  teardown(function() sh.remove(dir) end)

  --- The allocations of a run whose policy does this.
  local function allocations(what)
    local policy = 'return { run = function() local core = require("molbuild").core %s return "x" end }'
    sh.write(dir .. "/policy.lua", policy:format(what))
    sh.run(("env LD_PRELOAD=%s FAULTY_COUNTS=%s/counts %s run %s/policy.lua 2>&1"):format(
      sh.quote(FAULTY), dir, sh.quote(molbuild), dir))
    return (("<I8"):unpack(sh.read(dir .. "/counts")))
  end

  it("is computed without loading a provider of OpenSSL, which crashes where memory ends", function()
    local more = allocations 'core.sha256.hex "abc"' - allocations 'core.url.parse "http://abc"'
    assert.is_true(more < 50, more)
  end)
end)

describe("a result that has been written", function()
  local dir = sh.temporary "faults"
  teardown(function() sh.remove(dir) end)

  it("is not followed by a failure, whenever memory ends", function()
    sh.write(dir .. "/policy.lua", 'return { run = function() return "image" end }')
    local counts, outcomes = dir .. "/counts", {}
    local function try(settings)
      local pipe = io.popen(("env LD_PRELOAD=%s %s %s run %s/policy.lua 2>/dev/null"):format(
        sh.quote(FAULTY), settings, sh.quote(molbuild), dir))
      local text = pipe:read "a"
      local ok = pipe:close()
      outcomes[tostring(ok) .. " " .. text] = true
    end
    try("FAULTY_COUNTS=" .. counts)
    local all = ("<I8"):unpack(sh.read(counts))
    for back = 0, 240, 4 do try(("FAULTY_ALLOC=%d+"):format(all - back)) end
    assert.same({ ["true image\n"] = true, ["nil "] = true }, outcomes)
  end)
end)
