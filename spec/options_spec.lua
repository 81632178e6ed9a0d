-- The options of the primitives: read once, from the table's own fields, by one table of each primitive.
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local NO_URL = "http://127.0.0.1:1/"

--- What CALL raises, in a task.
local function raised(call, ...)
  local arguments = table.pack(...)
  return task.run(function()
    local ok, message = pcall(call, table.unpack(arguments, 1, arguments.n))
    assert.is_false(ok, "it raised nothing")
    return tostring(message)
  end)
end

local function assert_raises(text, call, ...)
  local message = raised(call, ...)
  assert.truthy(message:find(text, 1, true), message)
end

local function run(options)
  return task.run(function()
    return core.process.run(options)
  end)
end

describe("a wrong argument", function()
  for name, call in pairs {
    ["fs.read"] = function() core.fs.read() end,
    ["fs.read, max"] = function() core.fs.read("/", -1) end,
    ["fs.read, seconds"] = function() core.fs.read("/", 1, -1) end,
    ["fs.list"] = function() core.fs.list {} end,
    ["fs.list, max"] = function() core.fs.list("/", -1) end,
    ["fs.write_atomic"] = function() core.fs.write_atomic("x") end,
    ["fs.rename"] = function() core.fs.rename("x") end,
    ["sha256.hex"] = function() core.sha256.hex() end,
    ["sha256.file"] = function() core.sha256.file {} end,
    ["mask.secret"] = function() core.mask.secret {} end,
    ["mask.text"] = function() core.mask.text() end,
    ["url.parse"] = function() core.url.parse() end,
    ["url.build"] = function() core.url.build "x" end,
    ["width.columns"] = function() core.width.columns {} end,
    ["width.cut"] = function() core.width.cut("x", "y") end,
    ["sys.getenv"] = function() core.sys.getenv() end,
    ["sys.isatty"] = function() core.sys.isatty "x" end,
    ["sys.write"] = function() core.sys.write(1) end,
    ["sys.sleep"] = function() core.sys.sleep(-1) end,
    ["sys.sleep, not a number"] = function() core.sys.sleep(0 / 0) end,
    ["sys.sleep, none"] = function() core.sys.sleep() end,
    ["loop.step"] = function() core.loop.step(-1) end,
    ["writer.flush"] = function() core.writer.flush(2, -1) end,
    ["process.find"] = function() core.process.find() end,
    ["process.run"] = function() core.process.run "ls" end,
    ["process.run, none"] = function() core.process.run() end,
    ["lock.acquire"] = function() core.lock.acquire() end,
    ["lock.acquire, options"] = function() core.lock.acquire("x", 1) end,
    ["lock.holder"] = function() core.lock.holder() end,
    ["http.request"] = function() core.http.request "http://127.0.0.1/" end,
  } do
    it("raises: " .. name, function()
      assert_raises("bad argument", call)
    end)
  end

  for message, options in pairs {
    ["argv: missing"] = {},
    ["argv: empty"] = { argv = {} },
    ["argv: table expected, got string"] = { argv = "ls" },
    ["argv: item 2 is not a string"] = { argv = { "ls", 1 } },
    ["argv: a list of strings expected, got a table with other keys"] = { argv = { "ls", path = "/" } },
    ["unset: a list of strings expected, got a table with other keys"] = { argv = { "ls" }, unset = { HOME = true } },
    ["argv: item 1 holds a NUL byte"] = { argv = { "l\0s" } },
    ["cwd: string expected, got boolean"] = { argv = { "ls" }, cwd = true },
    ["cwd: holds a NUL byte"] = { argv = { "ls" }, cwd = "/\0" },
    ["env: names and values must be strings"] = { argv = { "ls" }, env = { A = 1 } },
    ["timeout: seconds must not be negative"] = { argv = { "ls" }, timeout = -1 },
    ["grace: seconds must not be negative"] = { argv = { "ls" }, grace = 0 / 0 },
    ["timeout: number expected, got string"] = { argv = { "ls" }, timeout = "1" },
    ["tail: a whole number from 0 expected"] = { argv = { "ls" }, tail = 1.5 },
    ["signal: is too large"] = { argv = { "ls" }, signal = 1 << 40 },
    ["on_line: function expected, got string"] = { argv = { "ls" }, on_line = "x" },
    ["on_lines: function expected, got table"] = { argv = { "ls" }, on_lines = {} },
    ["after_newline: boolean expected, got number"] = { argv = { "ls" }, after_newline = 1 },
    ["keep: a list of locks and files expected"] = { argv = { "ls" }, keep = 1 },
    ["molbuild.lock expected, got number"] = { argv = { "ls" }, keep = { 1 } },
    ["the name of an option must be a string, got number"] = { "ls" },
  } do
    it("raises: " .. message, function()
      assert_raises(message, core.process.run, options)
    end)
  end
end)

describe("an option that a primitive does not know", function()
  for _, case in ipairs {
    { "process.run", { argv = { "true" }, time_out = 1 }, 'time_out: unknown option; did you mean "timeout"?' },
    { "process.run", { argv = { "true" }, logfile = "x" }, 'logfile: unknown option; did you mean "log_file"?' },
    { "process.run", { argv = { "true" }, Grace = 1 }, 'Grace: unknown option; did you mean "grace"?' },
    { "process.run", { argv = { "true" }, colour = 1 }, "colour: unknown option)" },
    { "http.request", { url = NO_URL, header = {} }, 'header: unknown option; did you mean "headers"?' },
    { "lock.acquire", { purpse = "x" }, 'purpse: unknown option; did you mean "purpose"?' },
    { "url.build", { scheme = "http", host = "h", paht = "/" }, 'paht: unknown option; did you mean "path"?' },
  } do
    it(("is refused: %s of %s"):format(case[3]:match "^[^:]+", case[1]), function()
      local topic, name = case[1]:match "^(%l+)%.(%l+)$"
      if name == "acquire" then
        assert_raises(case[3], core.lock.acquire, "/nonexistent/lock", case[2])
      else
        assert_raises(case[3], core[topic][name], case[2])
      end
    end)
  end
end)

describe("an options table", function()
  it("counts with its own fields alone: no metamethod runs", function()
    local called = 0
    local function count() called = called + 1 end
    local meta = { __index = count, __len = count, __pairs = count, __newindex = count }
    local argv = setmetatable({ "sh", "-c", "echo $A" }, meta)
    local result = run(setmetatable({ argv = argv, env = setmetatable({ A = "set" }, meta) }, meta))
    assert.equal("set\n", result.tail)
    assert.equal(0, called)
  end)

  it("inherits nothing", function()
    assert_raises("argv: missing", core.process.run, setmetatable({}, { __index = { argv = { "true" } } }))
  end)
end)

describe("0 is zero, not the default", function()
  local STUBBORN = { "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done" }

  it("grace = 0 kills immediately", function()
    -- The default is 10 s. A busy machine may need as long for another reason, but not each time.
    local tries, seconds = 0, math.huge
    while seconds >= 9 and tries < 5 do
      local started = core.sys.monotonic()
      local _, _, code, partial = run { argv = STUBBORN, grace = 0, on_line = function() return "stop" end }
      assert.equal("cancelled", code)
      assert.equal(9, partial.signal)
      tries, seconds = tries + 1, core.sys.monotonic() - started
    end
    assert.is_true(seconds < 9, seconds)
  end)

  it("process.run{ timeout = 0 } ends the program immediately", function()
    local _, message, code = run { argv = { "sleep", "60" }, timeout = 0 }
    assert.equal("timeout", code)
    assert.equal("sleep took longer than 0 s; it printed nothing", message)
  end)

  it("http.request{ timeout = 0 } ends immediately", function()
    local _, _, code = task.run(function()
      return core.http.request { url = "http://192.0.2.1/", proxy = "", timeout = 0 }
    end)
    assert.equal("timeout", code)
  end)

  it("lock.acquire{ timeout = 0 } tries once", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-options.")
    local code = task.run(function()
      local held <close> = assert(core.lock.acquire(dir .. "/lock"))
      local _, _, code = core.lock.acquire(dir .. "/lock", { timeout = 0 })
      return held and code
    end)
    core.fs.remove_tree(dir)
    assert.equal("locked", code)
  end)

  it("capture = 0 keeps nothing, and what comes is too large", function()
    assert.equal("", run({ argv = { "true" }, capture = 0 }).stdout)
    assert.equal("too_large", (select(3, run { argv = { "echo", "x" }, capture = 0 })))
  end)

  it("tail = 0 keeps nothing", function()
    assert.equal("", run({ argv = { "echo", "x" }, tail = 0 }).tail)
  end)

  it("umask = 0 takes nothing away", function()

    assert.equal("0000\n", run({ argv = { "sh", "-c", "umask" }, umask = 0 }).tail)
  end)

  it("fs.read(path, 0) and fs.list(path, 0) take nothing that is not empty", function()
    assert.equal("too_large", (select(3, core.fs.read("/proc/self/status", 0))))
    assert.equal("too_large", (select(3, core.fs.list("/", 0))))
  end)

  it("sys.sleep(0) returns immediately", function()
    assert.is_true(task.run(function() return core.sys.sleep(0) end))
  end)

  for message, call in pairs {
    ["stall: must be more than 0 seconds"] = function() core.process.run { argv = { "true" }, stall = 0 } end,
    ["quiet_phase: must be more than 0 seconds"] = function() core.process.run { argv = { "true" }, quiet_phase = 0 } end,
    ["signal: a whole number from 1 expected"] = function() core.process.run { argv = { "true" }, signal = 0 } end,
    ["log_max: a whole number from 1 expected"] = function() core.process.run { argv = { "true" }, log_max = 0 } end,
    ["max_memory: a whole number from 1 expected"] = function() core.process.run { argv = { "true" }, max_memory = 0 } end,
    ["connect_timeout: must be more than 0 seconds"] = function() core.http.request { url = NO_URL, connect_timeout = 0 } end,
    ["every: must be more than 0 seconds"] = function() core.lock.acquire("/nonexistent/lock", { every = 0 }) end,
    ["port: a whole number from 1 expected"] = function() core.url.build { scheme = "http", host = "h", port = 0 } end,
  } do
    it("and an error where it makes no sense: " .. message, function()
      assert_raises(message, call)
    end)
  end
end)

describe("math.huge is no bound", function()
  it("of process.run", function()
    local result = run {
      argv = { "echo", "x" }, timeout = math.huge, stall = math.huge, quiet_phase = math.huge, grace = math.huge,
      tail = math.huge, capture = math.huge, max_memory = math.huge,
    }
    assert.equal("x\n", result.stdout)
  end)

  it("of http.request", function()
    local _, _, code = task.run(function()
      return core.http.request {
        url = NO_URL, proxy = "", timeout = math.huge, connect_timeout = math.huge, max_body = math.huge,
        max_redirects = math.huge,
      }
    end)
    assert.equal("connect", code)
  end)

  it("of lock.acquire", function()
    local dir = assert(core.fs.mkdtemp "/tmp/molbuild-options.")
    task.run(function()
      assert(core.lock.acquire(dir .. "/lock", { timeout = math.huge, every = math.huge })):release()
    end)
    core.fs.remove_tree(dir)
  end)

  it("of fs.read and fs.list", function()
    assert.truthy(core.fs.read("/proc/self/status", math.huge))
    assert.truthy(core.fs.list("/", math.huge))
  end)
end)
