-- The bindings: a caller's mistake raises, what the world does is nil, message, code. What the functions do in detail is
-- tested in C.
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local dir

local function write(name, data)
  local file <close> = assert(io.open(dir .. "/" .. name, "w"))
  assert(file:write(data))
end

-- FN fails as the world makes it fail.
local function assert_code(code, ok, message, got)
  assert.is_nil(ok)
  assert.is_string(message)
  assert.equal(code, got, message)
end

before_each(function()
  dir = assert(core.fs.mkdtemp "/tmp/molbuild-spec-")
end)

after_each(function()
  assert(core.fs.remove_tree(dir))
  core.mask.clear()
end)

describe("core.fs", function()
  it("writes, reads, renames and lists", function()
    assert.is_true(core.fs.mkdirp(dir .. "/a/b"))
    assert.is_true(core.fs.write_atomic(dir .. "/a/f", "x\0y", 384))
    assert.equal("x\0y", core.fs.read(dir .. "/a/f"))
    assert.is_true(core.fs.rename(dir .. "/a/f", dir .. "/a/g"))
    local names = assert(core.fs.list(dir .. "/a"))
    table.sort(names)
    assert.same({ "b", "g" }, names)
  end)

  it("reports the type of a path", function()
    write("f", "12345")
    assert(os.execute("ln -s f " .. dir .. "/link"))
    local st = assert(core.fs.lstat(dir .. "/f"))
    assert.equal("file", st.type)
    assert.equal(5, st.size)
    assert.equal(core.sys.uid(), st.uid)
    assert.is_true(math.abs(st.mtime - core.sys.now()) < 60)
    assert.equal("directory", core.fs.lstat(dir).type)
    assert.equal("link", core.fs.lstat(dir .. "/link").type)
    assert.equal("f", core.fs.readlink(dir .. "/link"))
    assert.equal(core.fs.realpath(dir) .. "/f", core.fs.realpath(dir .. "/link"))
    assert.is_true(core.fs.free_bytes(dir) > 0)
    assert.is_true(core.fs.may_write(dir))
  end)

  it("removes a tree, and nothing twice", function()
    core.fs.mkdirp(dir .. "/t/u")
    assert.is_true(core.fs.remove_tree(dir .. "/t"))
    assert_code("ENOENT", core.fs.lstat(dir .. "/t"))
  end)

  it("gives the world's errors back", function()
    write("f", "12345")
    local none = dir .. "/none/x"
    assert_code("ENOENT", core.fs.read(none))
    assert_code("ENOENT", core.fs.list(none))
    assert_code("ENOENT", core.fs.realpath(none))
    assert_code("ENOENT", core.fs.readlink(none))
    assert_code("ENOENT", core.fs.rename(none, dir .. "/y"))
    assert_code("ENOENT", core.fs.write_atomic(none, "x"))
    assert_code("ENOENT", core.fs.free_bytes(none))
    assert_code("ENOENT", core.fs.may_write(none))
    assert_code("ENOTDIR", core.fs.mkdirp(dir .. "/f/x"))
    assert_code("ENOENT", core.fs.mkdtemp(none))
    assert_code("too_large", core.fs.read(dir .. "/f", 4))
    assert.equal("12345", core.fs.read(dir .. "/f", 5))
  end)

  it("masks what it says", function()
    assert(core.mask.secret "s3cret-word")
    local _, message = core.fs.read(dir .. "/s3cret-word")
    assert.truthy(message:find("/***", 1, true), message)
    assert.is_nil(message:find("s3cret", 1, true))
  end)
end)

describe("core.process", function()
  it("runs a program", function()
    local result = task.run(function()
      return core.process.run {
        argv = { "sh", "-c", "read x; echo $x $A; pwd >&2; exit 3" },
        env = { A = "set" }, cwd = "/", input = "in\n",
      }
    end)
    assert.is_true(result.seconds > 0 and result.seconds < 60)
    result.seconds = nil
    assert.same({ code = 3, tail = "in set\n/\n", last_line = "/", strays = 0, strays_left = 0 }, result)
  end)

  it("reports the signal instead of a code", function()
    local result = task.run(function()
      return core.process.run { argv = { "sh", "-c", "kill -9 $$" } }
    end)
    assert.equal(9, result.signal)
    assert.is_nil(result.code)
  end)

  it("reports every line, masked, and captures stdout as it is", function()
    assert(core.mask.secret "s3cret-word")
    local lines = {}
    local result = task.run(function()
      return core.process.run {
        argv = { "sh", "-c", "echo s3cret-word; echo one >&2; echo s3cret-word >&2" },
        capture = 100,
        on_line = function(line) lines[#lines + 1] = line end,
      }
    end)
    assert.same({ "one", "***" }, lines)
    assert.equal("s3cret-word\n", result.stdout)
    assert.equal("one\n***\n", result.tail)
  end)

  it("gives what it knows of a run that was ended", function()
    task.run(function()
      local bound, ok, message, code, partial = 0.2
      repeat -- on a busy machine the shell may print nothing in such a time
        bound = bound * 4
        ok, message, code, partial = core.process.run { argv = { "sh", "-c", "echo x; sleep 600" }, timeout = bound }
      until partial.tail ~= "" or bound > 60
      assert_code("timeout", ok, message, code)
      assert.equal(("sh took longer than %.6g s; the last line was: x"):format(bound), message)
      assert.equal("x\n", partial.tail)
      assert.equal(15, partial.signal)
    end)
  end)

  it("can be stopped, and allowed a quiet phase, by on_line", function()
    task.run(function()
      assert_code("cancelled", core.process.run {
        argv = { "sh", "-c", "echo x; sleep 60" }, on_line = function() return "stop" end,
      })
      assert_code("stalled", core.process.run {
        argv = { "sh", "-c", "echo x; sleep 60" }, quiet_phase = 0.05, on_line = function() return "quiet" end,
      })
    end)
  end)

  it("calls on_line only for lines with a listed beginning, and on_lines for all", function()
    assert(core.mask.secret "s3cret-word")
    local calls = {}
    task.run(function()
      assert(core.process.run {
        argv = { "printf", "#1 [1/2] a\n#1 0.5 s3cret-word\n#12 DONE\nx" },
        only = { "#0 [", "#0 DONE" },
        on_line = function(line) calls[#calls + 1] = line end,
        on_lines = function(text) calls[#calls + 1] = text end,
      })
    end)
    assert.same({
      "#1 [1/2] a\n", "#1 [1/2] a", "#1 0.5 ***\n#12 DONE\n", "#12 DONE", "x\n",
    }, calls)
  end)

  it("ends it when on_lines returns stop or raises", function()
    task.run(function()
      assert_code("cancelled", core.process.run {
        argv = { "sh", "-c", "echo x; sleep 60" }, on_lines = function() return "stop" end,
      })
      local raised = {}
      local ok, e = pcall(core.process.run, {
        argv = { "sh", "-c", "echo x; sleep 60" }, on_lines = function() error(raised) end,
      })
      assert.is_false(ok)
      assert.equal(raised, e)
    end)
  end)

  it("raises what on_line raises, when the program has ended", function()
    task.run(function()
      local raised = {}
      local ok, e = pcall(core.process.run, {
        argv = { "sh", "-c", "echo x; sleep 60" }, on_line = function() error(raised) end,
      })
      assert.is_false(ok)
      assert.equal(raised, e)
    end)
  end)

  it("gives the world's errors back", function()
    task.run(function()
      assert_code("not_found", core.process.run { argv = { "no-such-tool-here" } })
      assert_code("ENOENT", core.process.run { argv = { "sh" }, cwd = dir .. "/none" })
      assert_code("ENOENT", core.process.run { argv = { "true" }, log_file = dir .. "/none/log" })
      assert_code("too_large", core.process.run { argv = { "echo", "12345" }, capture = 3 })
    end)
  end)

  it("finds programs", function()
    assert.truthy(core.process.find("sh"):match("^/.*/sh$"))
    assert_code("not_found", core.process.find "no-such-tool-here")
  end)
end)

describe("core.lock", function()
  it("is held until released or closed", function()
    task.run(function()
      local path = dir .. "/lock"
      do
        local lock <close> = assert(core.lock.acquire(path, { purpose = "testing" }))
        assert.is_true(lock:held())
        local holder = core.lock.holder(path)
        assert.equal(core.sys.pid(), holder.pid)
        assert.equal("testing", holder.purpose)
        assert.equal(core.sys.hostname(), holder.host)
        local ok, message, code = core.lock.acquire(path, { timeout = 0.02 })
        assert_code("locked", ok, message, code)
        assert.truthy(message:find("(testing)", 1, true), message)
      end
      local lock = assert(core.lock.acquire(path, { timeout = 0 }))
      lock:release()
      lock:release()
      assert.is_false(lock:held())
      assert.has_error(function()
        core.process.run { argv = { "true" }, keep = { lock } }
      end, "the lock has been released")
    end)
  end)

  it("reports its holder while it waits", function()
    local calls = {}
    task.run(function()
      local path = dir .. "/lock"
      local held = assert(core.lock.acquire(path, { purpose = "first" }))
      local waiter = task.spawn(function()
        local place <close> = assert(core.lock.acquire(path, {
          every = 0.02, -- A look between the release and the end of the wait finds no holder.
          on_wait = function(holder, seconds) calls[#calls + 1] = { holder and holder.purpose, seconds } end,
        }))
        return "had it"
      end)
      while #calls < 3 do
        core.sys.sleep(0.005)
      end
      held:release()
      assert.equal("had it", waiter:join())
    end)
    assert.equal("first", calls[1][1])
    assert.is_true(calls[3][2] >= 0.04 and calls[3][2] < 60)
  end)

  it("keeps secrets out of the file that others read", function()
    assert(core.mask.secret "s3cret-word")
    task.run(function()
      local place <close> = assert(core.lock.acquire(dir .. "/lock", { purpose = "with s3cret-word" }))
      assert.is_nil(core.fs.read(dir .. "/lock"):find("s3cret", 1, true))
      assert.equal("with ***", core.lock.holder(dir .. "/lock").purpose)
    end)
  end)

  it("gives the world's errors back", function()
    task.run(function()
      assert_code("ENOENT", core.lock.acquire(dir .. "/none/lock"))
    end)
    assert.is_nil(core.lock.holder(dir .. "/none/lock"))
  end)
end)

describe("core.http", function()
  it("refuses what must not be sent, and reports refused connections", function()
    task.run(function()
      assert_code("invalid", core.http.request { url = "file:///etc/passwd" })
      assert_code("invalid", core.http.request { url = "http://127.0.0.1/", headers = { X = "y\r\nZ: z" } })
      assert_code("connect", core.http.request { url = "http://h/", unix_socket = dir .. "/none" })
      assert.has_error(function() core.http.request {} end)
    end)
  end)
end)

describe("core.sha256", function()
  it("digests strings and files", function()
    local abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert.equal(abc, core.sha256.hex "abc")
    write("f", "abc")
    assert.equal(abc, core.sha256.file(dir .. "/f"))
    assert_code("ENOENT", core.sha256.file(dir .. "/none"))
  end)
end)

describe("core.mask", function()
  it("masks registered secrets and the userinfo of URLs", function()
    assert.is_true(core.mask.secret "s3cret-word")
    assert.equal("a *** b https://***@h/p", core.mask.text "a s3cret-word b https://u:p@h/p")
    assert.equal("https://***@h/p", core.mask.url "https://u:p@h/p")
    core.mask.clear()
    assert.equal("s3cret-word", core.mask.text "s3cret-word")
  end)

  it("registers what a URL keeps secret", function()
    assert.is_true(core.mask.userinfo "http://user:p%40ss-word@proxy:3128")
    assert.is_true(core.mask.userinfo "http://proxy:3128")
    assert.equal("it is ***, user", core.mask.text "it is p@ss-word, user")
    local ok, message, code = core.mask.userinfo "no url"
    assert.is_nil(ok)
    assert.truthy(message)
    assert.equal("invalid", code)
  end)

  it("refuses a secret that is too short, without showing it", function()
    local ok, message, code = core.mask.secret "sh0rt"
    assert_code("invalid", ok, message, code)
    assert.is_nil(message:find("sh0rt", 1, true))
  end)
end)

describe("core.url", function()
  it("takes apart and puts together", function()
    local parts = { scheme = "https", user = "u", password = "p", host = "h.example", port = 8443, path = "/a/b", query = "q=1" }
    local text = "https://u:p@h.example:8443/a/b?q=1"
    assert.same(parts, core.url.parse(text))
    assert.equal(text, core.url.build(parts))
  end)

  it("gives errors back", function()
    assert_code("invalid", core.url.parse "no url")
    assert_code("invalid", core.url.parse "http://h/\0x")
  end)
end)

describe("core.width", function()
  it("counts and cuts columns, not bytes", function()
    assert.equal(5, core.width.columns "añ漢x")
    assert.equal("añ", core.width.cut("añ漢x", 3))
    assert.equal("añ漢", core.width.cut("añ漢x", 4))
    assert.equal("", core.width.cut("abc", -1))
  end)
end)

describe("core.sys", function()
  it("knows the time and the machine", function()
    local before = core.sys.monotonic()
    assert.is_true(core.sys.monotonic() >= before)
    assert.is_true(math.abs(core.sys.now() - os.time()) < 60)
    assert.is_true(core.sys.cpus() >= 1)
    assert.truthy(core.sys.hostname():match "%S")
    assert.equal("integer", math.type(core.sys.pid()))
    assert.truthy(core.sys.executable():match "^/")
  end)

  it("reads the environment", function()
    assert.equal(os.getenv "PATH", core.sys.getenv "PATH")
    assert.is_nil(core.sys.getenv "MOLBUILD_NOT_SET")
  end)

  it("knows what is no terminal", function()
    local file <close> = assert(io.open("/dev/null"))
    assert.is_false(core.sys.isatty(99))
    assert.is_nil((core.sys.terminal_size(99)))
    assert.truthy(file)
  end)

  it("sleeps for the given time", function()
    local before = core.sys.monotonic()
    assert.is_true(task.run(function() return core.sys.sleep(0.05) end))
    assert.is_true(core.sys.monotonic() - before >= 0.05)
  end)

  it("gives the error of a write back", function()
    assert_code("EBADF", core.sys.write(99, "x"))
  end)
end)
