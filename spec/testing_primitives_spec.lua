-- The primitives of a test's world against those of the core: the same calls give the same results, messages and codes.
local core = require "molbuild.core"
local molbuild = require "molbuild"
local primitives = require "molbuild.testing.primitives"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

--- A core with files of its own, and a directory there; the real one, and a directory of this machine.
local function worlds()
  local world = molbuild.testing.world { fork = "return {}" }
  local real_dir = sh.temporary "contract" .. "/dir"
  return { core = primitives.new(world), world = world, dir = "/work/dir" }, { core = core, dir = real_dir }
end

--- What a call gave, with the world's own directory taken out of it.
local function results(dir, ...)
  local list = table.pack(...)
  for index = 1, list.n do
    local value = list[index]
    list[index] = type(value) == "string" and value:gsub(dir:gsub("%p", "%%%0"), "DIR") or value
  end
  return list
end

--- Run CASE(core, dir, world) in both, in a task; gives what each noted.
local function both(case)
  local all = {}
  for index, place in ipairs { worlds() } do
    local noted = {}
    local function note(...) noted[#noted + 1] = results(place.dir, ...) end
    local function body() case(place.core, place.dir, note, place.world) end
    if place.world then
      place.world:call(function(_, library) library.task.shield(body) end)
    else
      task.run(body)
      sh.remove((place.dir:gsub("/dir$", "")))
    end
    all[index] = noted
  end
  assert.same(all[2], all[1])
  return all[1]
end

describe("the files of a world are like the real ones:", function()
  it("made, written, read, listed, renamed, removed", function()
    local noted = both(function(real, dir, note)
      local fs = real.fs
      note(fs.mkdirp(dir .. "/a/b", 448))
      note(fs.mkdirp(dir .. "/a/b", 448))
      note(fs.write_atomic(dir .. "/a/b/file", "text", 384))
      note(fs.read(dir .. "/a/b/file"))
      note(fs.read(dir .. "/a/b/file", 2))
      note(fs.type(dir .. "/a/b"))
      note(fs.type(dir .. "/a/b/file"))
      note(fs.rename(dir .. "/a/b/file", dir .. "/a/other"))
      note(table.concat(fs.list(dir .. "/a"), " "))
      note(fs.list(dir .. "/a", 1))
      note(fs.realpath(dir .. "/a/../a/./b"))
      local stat = fs.lstat(dir .. "/a/other")
      note(stat.type, stat.size, stat.mode, stat.nlink)
      note(fs.lstat(dir .. "/a").mode)
      note(fs.remove_tree(dir .. "/a"))
      note(fs.remove_tree(dir .. "/a"))
      note(fs.lstat(dir .. "/a"))
    end)
    assert.equal("text", noted[4][1])
    assert.equal("b other", noted[9][1])
  end)

  it("absent, of another kind, in the way", function()
    both(function(real, dir, note)
      local fs = real.fs
      fs.mkdirp(dir)
      fs.write_atomic(dir .. "/file", "x")
      for _, path in ipairs { dir .. "/none", dir .. "/file/below", dir .. "/none/below" } do
        note(fs.read(path))
        note(fs.lstat(path))
        note(fs.type(path))
        note(fs.list(path))
        note(fs.realpath(path))
        note(fs.readlink(path))
        note(fs.copy(path, dir .. "/copy"))
        note(fs.read(dir .. "/copy"))
        note(fs.copy(path, dir .. "/copy"))
        note(fs.remove_tree(dir .. "/copy"))
        note(fs.rename(path, dir .. "/new"))
      end
      note(fs.read(dir))
      note(fs.list(dir .. "/file"))
      note(fs.readlink(dir .. "/file"))
      note(fs.mkdirp(dir .. "/file/below"))
      note(fs.write_atomic(dir .. "/none/below", "x"))
      note(fs.write_atomic(dir .. "/file/below", "x"))
      fs.mkdirp(dir .. "/full/below")
      fs.mkdirp(dir .. "/empty")
      note(fs.rename(dir .. "/empty", dir .. "/full"))
    end)
  end)

  it("links, which lead on, out, nowhere and round", function()
    both(function(real, dir, note, world)
      local fs = real.fs
      fs.mkdirp(dir .. "/sub")
      fs.write_atomic(dir .. "/sub/file", "x")
      for name, target in pairs { link = "sub/file", up = "../dir/sub", none = "nothing", round = "round", abs = dir .. "/sub" } do
        if world then
          world.files:add(dir .. "/" .. name, { link = target })
        else
          sh.run { "ln", "-s", target, dir .. "/" .. name }
        end
      end
      for _, name in ipairs { "link", "up", "none", "round", "abs", "up/file", "abs/file", "none/file", "link/file" } do
        local path = dir .. "/" .. name
        local stat, message, code = fs.lstat(path)
        note(stat and stat.type, message, code)
        note(fs.type(path))
        note(fs.read(path))
        note(fs.realpath(path))
        note(fs.readlink(path))
        note(fs.copy(path, path .. "-copy"))
        note(fs.readlink(path .. "-copy"))
        if fs.lstat(path .. "-copy") then fs.remove_tree(path .. "-copy") end
      end
      note(fs.remove_tree(dir .. "/up"))
      note(fs.read(dir .. "/sub/file"))
    end)
  end)

  it("temporary directories, and the modes of a commit", function()
    both(function(real, dir, note)
      local fs = real.fs
      fs.mkdirp(dir .. "/tree/sub")
      local made = fs.mkdtemp(dir .. "/x.")
      note(made:match "/x%.%w%w%w%w%w%w$" ~= nil, fs.lstat(made).mode)
      note(fs.mkdtemp(dir .. "/none/x."))
      fs.write_atomic(dir .. "/tree/run", "x", 448)
      fs.write_atomic(dir .. "/tree/sub/text", "x", 384)
      for _, time in ipairs { false, 1700000000 } do
        note(fs.plain_modes(dir .. "/tree", time or nil))
        for _, name in ipairs { "run", "sub", "sub/text" } do
          local stat = fs.lstat(dir .. "/tree/" .. name)
          note(stat.mode, time and stat.mtime)
        end
      end
      note(fs.plain_modes(dir .. "/none"))
    end)
  end)

  it("in a directory that is really there, which is not changed", function()
    local world = molbuild.testing.world { fork = "return {}" }
    local fs = primitives.new(world).fs
    assert.equal(core.fs.read "VERSION", fs.read "VERSION")
    assert.is_true(fs.write_atomic("spec/of_a_world", "x"))
    assert.equal("x", fs.read "spec/of_a_world")
    assert.is_nil(core.fs.lstat "spec/of_a_world")
    local names = {}
    for _, name in ipairs(fs.list "spec") do names[name] = true end
    assert.is_true(names.of_a_world and names.support)
    assert.same({ nil, "cannot remove VERSION: Read-only file system", "EROFS" }, { fs.remove_tree "VERSION" })
  end)
end)

describe("the programs of a world are like the real ones:", function()
  --- Run a program in both worlds: as a script of sh, and as a function. Notes the result.
  local function run(script, program, options)
    return both(function(real, dir, note, world)
      if world then world.programs.sh = program end
      local all = { argv = { "sh", "-c", script } }
      real.fs.mkdirp(dir)
      local lines = {}
      for name, value in pairs(options and options(dir, lines) or {}) do all[name] = value end
      local result, message, code, partial = real.process.run(all)
      note(message, code)
      result = result or partial
      note(result.code, result.signal, result.tail, result.last_line, result.stdout)
      note(table.concat(lines, "|"))
      note(all.log_file and real.fs.read(all.log_file))
    end)
  end

  it("what they print, and their exit status", function()
    run("echo out; echo err >&2; exit 3", function(call)
      call:out "out\n"
      call:print "err"
      return 3
    end)
  end)

  it("their lines, those that are wanted, and their log", function()
    run("echo '#12 [1/2] FROM x'; echo 'Step 1/2'; echo '#x'; echo no; echo last", function(call)
      call:print "#12 [1/2] FROM x\nStep 1/2"
      call:print "#x\nno"
      call:print "last"
    end, function(dir, lines)
      return { only = { "#0 [", "Step " }, log_file = dir .. "/log", on_line = function(line) lines[#lines + 1] = line end }
    end)
  end)

  it("stdout apart, and too much of it", function()
    run("echo out; echo err >&2", function(call)
      call:out "out\n"
      call:print "err"
    end, function() return { capture = 100 } end)
    run("echo 123456789; exec sleep 9", function(call) call:out "123456789\n" end, function() return { capture = 4 } end)
  end)

  it("a secret among it", function()
    finally(core.mask.clear)
    run("echo a secret-of-a-spec b", function(call) call:print "a secret-of-a-spec b" end, function()
      core.mask.secret "secret-of-a-spec"
      return {}
    end)
  end)

  it("their time and their silence, and a phase in which they are silent", function()
    run("echo a; sleep 9", function(call)
      call:print "a"
      call:wait(9)
    end, function() return { timeout = 0.3 } end)
    run("sleep 9", function(call) call:wait(9) end, function() return { stall = 0.2 } end)
    run("echo quiet; sleep 0.4; echo loud; sleep 9", function(call)
      call:print "quiet"
      call:wait(0.4)
      call:print "loud"
      call:wait(9)
    end, function()
      return { stall = 0.2, quiet_phase = 5, on_line = function(line) return line == "quiet" and "quiet" or nil end }
    end)
  end)

  it("stopped by a line, killed, not there", function()
    run("echo a; echo b; sleep 9", function(call)
      call:print "a"
      call:print "b"
      call:wait(9)
    end, function() return { on_line = function(line) return line == "b" and "stop" or nil end } end)
    run("kill -9 $$", function() return nil, 9 end)
    both(function(real, _, note)
      note(real.process.run { argv = { "no-such-program" } })
      note(real.process.find "no-such-program")
      note(real.process.find "/nonexistent/program")
      note(real.process.find "git" ~= nil)
    end)
  end)

  it("cancelled", function()
    for _, options in ipairs { {}, { stall = 60 } } do
      local noted = {}
      local world = molbuild.testing.world { fork = "return {}", programs = { sh = function(call) call:wait(9) end } }
      local function body(real, tasks)
        local child = tasks.spawn(function()
          local all = { argv = { "sh", "-c", "exec sleep 9" } }
          for name, value in pairs(options) do all[name] = value end
          local _, message, code = real.process.run(all)
          noted[#noted + 1] = { message, code }
        end)
        real.sys.sleep(0.1)
        child:cancel()
        pcall(child.join, child)
      end
      world:call(function(_, library) body(library.core, library.task) end)
      task.run(function() body(core, task) end)
      assert.same({ "sh was cancelled", "cancelled" }, noted[1])
      assert.same(noted[2], noted[1])
    end
  end)
end)

describe("the options of what waits in a world are checked as the core does:", function()
  for name, case in pairs {
    ["process.run"] = {
      "process", "run", {}, { argv = {} }, { argv = { "true" }, time_out = 1 }, { argv = { "true" }, timeout = "1" },
      { argv = { "true" }, stall = 0 }, { argv = "true" }, { argv = { "true" }, on_line = "x" }, { argv = { 1 } }, { [1] = "x" },
      { argv = { "true" }, env = { A = 1 } },
    },
    ["http.request"] = {
      "http", "request", {}, { url = 1 }, { url = "http://x/", tiemout = 1 }, { url = "http://x/", follow = 1 },
      { url = "http://x/", max_body = -1 },
    },
    ["lock.acquire"] = { "lock", "acquire", {}, true },
    ["sys.sleep"] = { "sys", "sleep", "x", -1, {} },
  } do
    it(name, function()
      local noted = both(function(real, _, note)
        for index = 3, #case do
          local ok, message = pcall(real[case[1]][case[2]], case[index])
          note(ok, (tostring(message):gsub("^[%w_./]+:%d+: ", ""):gsub("to '%?'", ("to '%s'"):format(case[2]))))
        end
        local ok, message = pcall(real.lock.acquire, "/x.lock", { tiemout = 1 })
        note(ok, (message:gsub("^[%w_./]+:%d+: ", ""):gsub("to '%?'", "to 'acquire'")))
      end)
      for _, result in ipairs(noted) do assert.is_false(result[1]) end
    end)
  end

  it("and start nothing", function()
    local world = molbuild.testing.world { fork = "return {}", programs = { touch = function() end } }
    local path = sh.temporary "options" .. "/made"
    finally(function() sh.remove((path:gsub("/made$", ""))) end)
    world:call(function(_, library)
      assert.equal(0, library.core.process.run({ argv = { "touch", path } }).code)
    end)
    assert.is_nil(core.fs.lstat(path))
  end)
end)

describe("the locks of a world are like the real ones:", function()
  local function without_holder(message)
    return message and message:gsub("by pid %d+ on %S+ since %S+", "by HOLDER")
  end

  it("held once, released, waited for, given up", function()
    both(function(real, dir, note, world)
      local tasks, seen = world and world.tasks or task, {}
      real.fs.mkdirp(dir)
      local path = dir .. "/x.lock"
      local lock = real.lock.acquire(path, { purpose = "build x" })
      note(lock:held(), real.lock.holder(path).purpose)
      local _, message, code = real.lock.acquire(path, { timeout = 0 })
      note(without_holder(message), code)
      _, message, code = real.lock.acquire(path, {
        timeout = 0.2, every = 0.15, on_wait = function(holder) seen[#seen + 1] = holder.purpose end,
      })
      note(without_holder(message), code)
      note(#seen >= 1, seen[1])
      lock:release()
      note(lock:held())
      note(real.lock.acquire(path, { timeout = 0 }) ~= nil, tasks ~= nil)
    end)
  end)

  it("without a directory", function()
    both(function(real, dir, note) note(real.lock.acquire(dir .. "/none/x.lock")) end)
  end)

  it("in the order in which they are waited for", function()
    local orders = {}
    local function body(real, tasks, dir)
      real.fs.mkdirp(dir)
      local order, held = {}, real.lock.acquire(dir .. "/y.lock")
      local waiting = tasks.spawn(function()
        local lock <close> = real.lock.acquire(dir .. "/y.lock")
        order[#order + 1] = lock:held()
      end)
      real.sys.sleep(0.05)
      order[#order + 1] = "release"
      held:release()
      waiting:join()
      orders[#orders + 1] = order
    end
    local dir = sh.temporary "contract"
    finally(function() sh.remove(dir) end)
    task.run(function() body(core, task, dir) end)
    molbuild.testing.world({ fork = "return {}" }):call(function(_, library) body(library.core, library.task, "/locks") end)
    assert.same({ { "release", true }, { "release", true } }, orders)
  end)
end)

describe("the loop of a world is like the real one:", function()
  it("sleeps side by side, and is not called outside of a task", function()
    local world = molbuild.testing.world { fork = "return {}" }
    local order = {}
    world:call(function(_, library)
      local tasks = library.task
      tasks.map({ 30, 10, 20 }, {}, function(seconds)
        library.core.sys.sleep(seconds)
        order[#order + 1] = seconds
      end)
    end)
    assert.same({ 10, 20, 30 }, order)
    assert.equal(30, world.clock.now)
    for _, one in ipairs { core, primitives.new(world) } do
      assert.error_matches(function() one.sys.sleep(1) end, "this function waits, so it must be called inside a task", 1, true)
    end
  end)

  it("refuses a cancelled task, and a coroutine of a task's own", function()
    local all = {}
    local function body(real, tasks, errors)
      local said = {}
      local ok, message = coroutine.resume(coroutine.create(function() real.sys.sleep(0) end))
      said[1] = { ok, (message:gsub("^[%w_./]+:%d+: ", "")) }
      local child = tasks.spawn(function()
        said[2] = { real.sys.sleep(100) }
        for index = 3, 4 do
          local alive, failure = pcall(real.sys.sleep, 1)
          said[index] = { alive, failure.kind, failure.message }
        end
        return "a result"
      end)
      real.sys.sleep(0)
      child:cancel()
      local joined, failure = pcall(child.join, child)
      said[5] = { joined, errors.is(failure, "cancelled") }
      all[#all + 1] = said
    end
    task.run(function() body(core, task, molbuild.errors) end)
    molbuild.testing.world({ fork = "return {}" }):call(function(_, library) body(library.core, library.task, library.errors) end)
    assert.same(all[1], all[2])
    assert.same({ false, true }, all[1][5])
  end)

  it("has the functions of the core, and no other", function()
    local fake = primitives.new(molbuild.testing.world { fork = "return {}" })
    for topic, functions in pairs(core) do
      for name in pairs(functions) do assert.is_function(fake[topic][name], topic .. "." .. name) end
      for name in pairs(fake[topic]) do assert.is_function(core[topic][name], topic .. "." .. name) end
    end
  end)
end)
