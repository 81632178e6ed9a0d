--- Calls every primitive while the collector runs whenever it can, with options that only their table holds.
---   lua collector.lua incremental|generational     prints "ok NAME" for each, and ends with "done"
---   lua collector.lua list                         prints the names
--- In a separate process: a sanitizer ends it, and a small heap makes a full collection quick.
local core = require "molbuild.core"
local task = require "molbuild.base.task"

--- A string that nothing else holds; in pieces, so that it is no constant of this file.
local function fresh(text)
  return table.concat({ text:sub(1, 3), text:sub(4) })
end

--- Texts for the options that a table lacks: a binding that took them would hold values that nothing else holds.
local INHERITED = {
  url = "http://inherited.invalid/a/long/path/that/is/no/short/string", method = "INHERITED", body = "inherited body",
  unix_socket = "/nonexistent/inherited/socket", proxy = "http://inherited.invalid:3128", cwd = "/nonexistent/inherited",
  log_file = "/nonexistent/inherited/log", input = ("inherited input "):rep(8), purpose = ("inherited purpose "):rep(8),
  scheme = "inherited", user = "inherited user", password = "inherited password", host = "inherited.invalid",
  path = "/inherited/path", query = "inherited=query", fragment = "inherited fragment", ca_file = "/nonexistent/ca",
  cert_file = "/nonexistent/cert", key_file = "/nonexistent/key",
}

--- An options table whose strings are its own alone, with a function as __index.
local function options(own)
  -- Longer than 40 bytes: of shorter strings Lua has one copy, which the constants above keep.
  local meta = { __index = function(_, name) return INHERITED[name] and INHERITED[name] .. ("-"):rep(100) end }
  for name, value in pairs(own) do
    if type(value) == "string" then own[name] = fresh(value) end
  end
  return setmetatable(own, meta)
end

--- A list or a map whose strings are its own alone.
local function texts(list)
  local own = {}
  for name, value in pairs(list) do own[name] = fresh(value) end
  return setmetatable(own, { __index = function() return fresh "inherited item" end })
end

local dir = assert(core.fs.mkdtemp "/tmp/molbuild-collector.")

local function at(name)
  return fresh(dir .. "/" .. name)
end

--- One function for each primitive, called in a task except for those of OUTSIDE.
local calls = {
  ["fs.mkdirp"] = function() assert(core.fs.mkdirp(at "a/b", 448)) end,
  ["fs.mkdtemp"] = function() assert(core.fs.mkdtemp(at "t.")) end,
  ["fs.write_atomic"] = function() assert(core.fs.write_atomic(at "file", fresh "what it holds")) end,
  ["fs.read"] = function()
    assert(core.fs.write_atomic(at "read", fresh "what it holds"))
    assert(core.fs.read(at "read") == "what it holds")
  end,
  ["fs.read_own"] = function()
    assert(core.fs.write_atomic(at "own", fresh "what it holds", 384))
    assert(core.fs.read_own(at "own") == "what it holds")
  end,
  ["fs.read_from"] = function()
    assert(core.fs.write_atomic(at "part", fresh "what it holds"))
    assert(core.fs.read_from(at "part", 5, 2) == "it")
  end,
  ["fs.list"] = function() assert(#assert(core.fs.list(fresh "/")) > 1) end,
  ["fs.lstat"] = function() assert(core.fs.lstat(fresh(dir)).type == "directory") end,
  ["fs.type"] = function() assert(core.fs.type(fresh(dir)) == "directory") end,
  ["fs.realpath"] = function() assert(core.fs.realpath(fresh "/proc/../")) end,
  ["fs.readlink"] = function() assert(core.fs.readlink(fresh "/proc/self/exe")) end,
  ["fs.rename"] = function()
    assert(core.fs.write_atomic(at "from", ""))
    assert(core.fs.rename(at "from", at "to"))
  end,
  ["fs.copy"] = function()
    assert(core.fs.write_atomic(at "original", fresh "what it holds"))
    assert(core.fs.copy(at "original", at "copy"))
  end,
  ["fs.plain_modes"] = function() assert(core.fs.plain_modes(fresh(dir))) end,
  ["fs.give"] = function() assert(core.fs.give(at "nothing", fresh(dir))) end,
  ["fs.free_bytes"] = function() assert(core.fs.free_bytes(fresh(dir)) > 0) end,
  ["fs.may_write"] = function() assert(core.fs.may_write(fresh(dir))) end,
  ["fs.remove_tree"] = function() assert(core.fs.remove_tree(at "a")) end,

  ["fs.memory_file"] = function()
    local file <close> = assert(core.fs.memory_file(fresh "what only memory holds"))
    assert(core.fs.read(file:path()) == "what only memory holds")
  end,

  ["http.request"] = function()
    local _, message, code = core.http.request(options {
      url = "http://127.0.0.1:1/a/path/of/the/request", method = "POST", proxy = "", body = "what is sent",
      headers = texts { Accept = "application/json", ["X-Thing"] = "a value of its own" }, follow = "origin", max_body = 100,
    })
    assert(code == "connect" and message:find("127.0.0.1", 1, true), message)
  end,

  ["lock.acquire"] = function()
    local path, calls = at "lock", 0
    local first = assert(core.lock.acquire(path, options { purpose = "what it is for" }))
    local waiter = task.spawn(function()
      return assert(core.lock.acquire(at "lock", options {
        purpose = "what the second one is for", every = 0.001, on_wait = function(holder)
          calls = calls + 1
          -- Once it has been released, the file names no holder.
          assert(calls > 2 or holder.purpose == "what it is for", holder and holder.purpose)
        end,
      }))
    end)
    while calls < 2 do core.sys.sleep(0.001) end
    first:release()
    waiter:join():close()
  end,
  ["lock.holder"] = function()
    local lock <close> = assert(core.lock.acquire(at "held", options { purpose = "what it is for" }))
    assert(lock:held() and core.lock.holder(at "held").purpose == "what it is for")
  end,

  ["lock.is_free"] = function()
    local lock <close> = assert(core.lock.acquire(at "probed"))
    assert(lock:held() and core.lock.is_free(at "probed") == false)
  end,

  ["lock.inherit"] = function()
    local lock <close> = assert(core.lock.acquire(at "inherited", options { purpose = "what it is for" }))
    lock:describe(fresh "what it does now")
    assert(core.lock.holder(at "inherited").purpose == "what it does now")
    local heir = assert(core.lock.inherit(at "inherited", lock:descriptor(), fresh "what the heir does"))
    assert(core.lock.holder(at "inherited").purpose == "what the heir does")
    heir:leave()
  end,

  ["loop.task"] = function() core.loop.task(coroutine.create(print), true) end,
  ["loop.look"] = function() core.loop.look(function() end, 0.5) end,
  ["loop.runs"] = function() core.loop.runs(nil) end,
  ["loop.step"] = function() assert(#core.loop.step(0) == 0) end,
  ["loop.catch"] = function() assert(core.loop.catch(10)) end,
  ["loop.last_words"] = function() assert(core.loop.last_words(fresh "")) end,
  ["loop.continued"] = function() assert(core.loop.continued() == false) end,
  ["loop.signals"] = function() assert(core.loop.signals() == 0) end,
  ["loop.signal"] = function() assert(core.loop.signal() == nil) end,
  ["loop.sleep"] = function() assert(core.loop.sleep(0.001)) end,

  ["mask.secret"] = function() assert(core.mask.secret(fresh "open-sesame")) end,
  ["mask.user"] = function() assert(core.mask.user(fresh "a-user")) end,
  ["mask.text"] = function()
    assert(core.mask.secret(fresh "open-sesame"))
    assert(core.mask.text(fresh "say open-sesame twice: open-sesame") == "say *** twice: ***")
  end,
  ["mask.url"] = function() assert(core.mask.url(fresh "https://user:pass@host/") == "https://***@host/") end,
  ["mask.userinfo"] = function() assert(core.mask.userinfo(fresh "https://user:password@host/")) end,
  ["mask.clear"] = function() core.mask.clear() end,

  ["process.detach"] = function()
    local lock <close> = assert(core.lock.acquire(at "left"))
    assert(core.process.detach(options {
      program = "/bin/sh", argv = texts { "sh", "-c", 'echo "$A" >&2; mv "$0.new" "$0"', at "detached" },
      env = texts { A = "a value" }, unset = texts { "B" }, keep = { lock }, log_file = at "detached.new",
    }) > 1)
    while not core.fs.lstat(at "detached") do core.sys.sleep(0.001) end
    assert(core.fs.read(at "detached") == "a value\n")
  end,
  ["process.follow"] = function()
    local pid, out, result = nil, {}, {}
    assert(core.process.follow(options {
      program = "/bin/sh", argv = texts { "sh", "-c", "echo $A >&2; echo result" }, env = texts { A = "a value" },
      on_start = function(id) pid = id end, on_output = function(bytes) out[#out + 1] = bytes end,
      on_result = function(bytes) result[#result + 1] = bytes end,
    }))
    assert(pid > 1 and table.concat(out) == "a value\n" and table.concat(result) == "result\n")
  end,

  ["process.run"] = function()
    local lines, text = {}, {}
    local lock <close> = assert(core.lock.acquire(at "kept"))
    local result = assert(core.process.run(options {
      argv = texts { "sh", "-c", "read line; echo $line >&2; echo $A; echo Step two >&2" },
      env = texts { A = "the value of a variable" }, unset = texts { "B*", "C" }, only = texts { "Step ", "the " },
      input = "what it reads\n", cwd = "/", log_file = dir .. "/log", keep = { lock }, capture = 1000, timeout = 60,
      on_line = function(line) lines[#lines + 1] = line end, on_lines = function(some) text[#text + 1] = some end,
    }))
    assert(result.stdout == "the value of a variable\n", result.stdout)
    assert(result.tail == "what it reads\nStep two\n", result.tail)
    assert(lines[1] == "Step two" and table.concat(text) == result.tail)
  end,
  ["process.find"] = function() assert(core.process.find(fresh "sh"):find "/sh$") end,

  ["sha256.hex"] = function() assert(#core.sha256.hex(fresh "data") == 64) end,
  ["sha256.file"] = function() assert(#assert(core.sha256.file(fresh "/proc/self/status")) == 64) end,

  ["sys.monotonic"] = function() assert(core.sys.monotonic() > 0) end,
  ["sys.steady"] = function() assert(core.sys.steady() > 0) end,
  ["sys.now"] = function() assert(core.sys.now() > 0) end,
  ["sys.sleep"] = function() assert(core.sys.sleep(0)) end,
  ["sys.pid"] = function() assert(core.sys.pid() > 0) end,
  ["sys.uid"] = function() assert(core.sys.uid() >= 0) end,
  ["sys.hostname"] = function() assert(core.sys.hostname() ~= "") end,
  ["sys.cpus"] = function() assert(core.sys.cpus() > 0) end,
  ["sys.isatty"] = function() assert(core.sys.isatty(0) ~= nil) end,
  ["sys.terminal_size"] = function() core.sys.terminal_size(0) end,
  ["sys.in_foreground"] = function() assert(core.sys.in_foreground(0) ~= nil) end,
  ["sys.signal_name"] = function() assert(core.sys.signal_name(9) == "SIGKILL (9)") end,
  ["sys.getenv"] = function() assert(core.sys.getenv(fresh "PATH") ~= "") end,
  ["sys.take_env"] = function() assert(core.sys.take_env(fresh "MOLBUILD_NO_SUCH") == nil) end,
  ["sys.executable"] = function() assert(core.sys.executable():find "^/") end,
  ["sys.notify"] = function()
    local _, message, code = core.sys.notify(at "no-socket", fresh "READY=1")
    assert(code == "ENOENT", message)
  end,
  ["sys.lower_priority"] = function() assert(core.sys.lower_priority()) end,
  ["sys.guard_exit"] = function() core.sys.guard_exit(false) end,
  ["sys.protect_memory"] = function() assert(core.sys.protect_memory()) end,
  ["sys.write"] = function() assert(core.sys.write(2, fresh "")) end,

  ["url.parse"] = function()
    local url = assert(core.url.parse(fresh "https://user:password@host.example:8443/path?query#fragment"))
    assert(url.host == "host.example" and url.port == 8443 and url.fragment == "fragment")
  end,
  ["url.build"] = function()
    local url = core.url.build(options { scheme = "https", host = "host.example", path = "/a/path", port = 8443 })
    assert(url == "https://host.example:8443/a/path", url)
  end,

  ["width.columns"] = function() assert(core.width.columns(fresh "columns") == 7) end,
  ["width.cut"] = function() assert(core.width.cut(fresh "columns", 3) == "col") end,

  ["writer.put"] = function() assert(core.writer.put(2, fresh "\n")) end,
  ["writer.send"] = function() assert(core.writer.send(2, fresh "\n")) end,
  ["writer.pending"] = function() assert(core.writer.pending(2) >= 0) end,
  ["writer.is_slow"] = function() assert(core.writer.is_slow(2) ~= nil) end,
  ["writer.flush"] = function() assert(core.writer.flush(2, 1)) end,
}

--- They turn the loop, as the scheduler does.
local OUTSIDE = { ["loop.step"] = true, ["writer.flush"] = true }

local names = {}
for name in pairs(calls) do names[#names + 1] = name end
table.sort(names)

if arg[1] == "list" then
  core.fs.remove_tree(dir)
  print(table.concat(names, "\n"))
  return
end

-- With a pause of 0 every allocation that may collect runs a whole cycle; the hook adds one between any two instructions.
if arg[1] == "generational" then
  collectgarbage("generational", 1, 1)
else
  collectgarbage "incremental"
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 1000)
end

local function hooked(call)
  debug.sethook(function() collectgarbage "step" end, "", 3)
  call()
  debug.sethook()
end

for _, name in ipairs(names) do
  local function body() hooked(calls[name]) end
  if OUTSIDE[name] then body() else task.run(body) end
  print("ok " .. name)
end
core.fs.remove_tree(dir)
print "done"
