-- What a run reports, on a real engine: events, results, log files, failures and the trace.
local cjson = require "cjson"
local docker = require "spec.support.docker"
local record = require "spec.support.record"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local IMAGE = "molecule-local/workspace-template-%s:%s"

--- A template whose build runs a script of busybox's shell, which no builder has in its cache.
local function template(runtime, script)
  local files = world.template_files(("%s %d %s"):format(runtime, os.time(), sh.unique_seconds()))
  files.work = script
  files.Dockerfile = table.concat({
    "FROM scratch", "COPY busybox /bin/busybox", "COPY says work /",
    'RUN ["/bin/busybox", "sh", "/work"]', 'CMD ["/bin/busybox", "cat", "/says"]', "",
  }, "\n")
  return files
end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do
    lines[#lines + 1] = line
  end
  return lines
end

local image_id = docker.id

--- A trace as lane -> list of bars; every event is looked at.
local function read_trace(path)
  local names, lanes, marks = {}, {}, {}
  local list = cjson.decode((assert(sh.read(path)))).traceEvents
  for _, e in ipairs(list) do
    for _, field in ipairs { "ts", "pid", "tid" } do
      assert.truthy(math.tointeger(e[field]) and e[field] >= 0, cjson.encode(e))
    end
    assert.truthy(e.ph == "M" or e.ph == "X" or e.ph == "i", cjson.encode(e))
    assert.is_string(e.name)
    if e.ph == "M" then
      names[e.tid] = e.args.name
    end
  end
  for _, e in ipairs(list) do
    local lane = assert(names[e.tid], "a lane without a name")
    if e.ph == "X" then
      assert.truthy(math.tointeger(e.dur) and e.dur >= 0, cjson.encode(e))
      lanes[lane] = lanes[lane] or {}
      table.insert(lanes[lane], e)
    elseif e.ph == "i" then
      marks[lane .. " " .. e.name] = e
    end
  end
  return lanes, marks
end

--- In a lane, two bars are nested, or follow each other.
local function assert_nested(lane)
  for _, a in ipairs(lane) do
    for _, b in ipairs(lane) do
      local a_end, b_end = a.ts + a.dur, b.ts + b.dur
      assert.truthy(a_end <= b.ts or b_end <= a.ts or a.ts <= b.ts and b_end <= a_end or b.ts <= a.ts and a_end <= b_end,
        ("%s %d-%d and %s %d-%d"):format(a.name, a.ts, a_end, b.name, b.ts, b_end))
    end
  end
end

local function bar(lane, name)
  for _, e in ipairs(lane) do
    if e.name == name then
      return e
    end
  end
  local found = {}
  for index, e in ipairs(lane) do
    found[index] = e.name
  end
  error(("no bar %s among: %s"):format(name, table.concat(found, ", ")), 2)
end

local function assert_inside(inner, outer)
  assert.truthy(inner.ts >= outer.ts and inner.ts + inner.dur <= outer.ts + outer.dur,
    inner.name .. " is not inside " .. outer.name)
end

describe("a run", function()
  local w, trace

  before_each(function()
    w = world.new()
    trace = w.dir .. "/trace.json"
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  --- Another molbuild that holds the lock of a runtime until RELEASE is there.
  local function hold_lock(runtime)
    local path, release = w.dir .. "/holder.lua", w.dir .. "/release"
    sh.write(path, ([[return { run = function()
      local lock <close> = molbuild.cache.lock(%q, %q, { purpose = "block the run" })
      print "held"
      while not molbuild.core.fs.lstat(%q) do molbuild.core.sys.sleep(0.05) end
      return "released"
    end }]]):format(w.cache, runtime, release))
    local holder = w:start { "run", path }
    sh.wait_for(function() return holder:so_far():find("held", 1, true) end)
    return holder, function() sh.write(release, "") end
  end

  it("reports a lock wait, a retry, a wait for a slot, builds and hits in objects, results and a trace", function()
    local runtimes, sha = { "hermes", "codex", "claude-code" }, {}
    for _, name in ipairs(runtimes) do
      sha[name] = w:commit("org", name, template(name, "/bin/busybox echo working on " .. name .. "; /bin/busybox sleep 1"))
    end
    w:answer(503, "busy", "codex", 1)
    local holder, release = hold_lock "hermes"
    local run = w:start { "run", "--progress=json", "--output=json", "--jobs=1", "--trace=" .. trace, "ensure.lua",
      table.unpack(runtimes) }
    sh.wait_for(function()
      return run:so_far():find('"event":"lock_waiting"', 1, true) and run:so_far():find('"event":"job_waiting"', 1, true)
    end)
    release()
    run = run:wait()
    assert.equal(0, run.status, run.stderr)
    assert.equal(0, holder:wait().status)

    local list = record.events(run.stderr)
    assert.same(runtimes, list[1].args)
    local wait = record.named(list, "lock_waiting", "hermes")[1]
    assert.same({ holder.pid, "block the run", "lock" }, { wait.holder.pid, wait.holder.purpose, wait.step })
    assert.equal(sh.run "hostname", wait.holder.host)
    assert.truthy(math.abs(wait.holder.start - wait.time) < 100)
    assert.truthy(record.named(list, "lock_acquired", "hermes")[1].seconds > 0)
    local retry = record.named(list, "retry", "codex")[1]
    assert.same({ 2, 3, "head" }, { retry.attempt, retry.attempts, retry.step })
    assert.truthy(retry.message:find("503", 1, true))
    assert.truthy(#record.named(list, "job_waiting") >= 1)
    for _, name in ipairs(runtimes) do
      local counts = record.named(list, "progress", name)
      assert.truthy(counts[#counts].done <= counts[#counts].total and counts[#counts].total >= 3)
      local said = false
      for _, e in ipairs(record.named(list, "line", name)) do
        said = said or e.text:find("working on " .. name, 1, true) and e.step == "build"
      end
      assert.truthy(said, "no line of " .. name)
    end

    local results = record.results(run.stdout)
    assert.equal(3, #results)
    for index, name in ipairs(runtimes) do
      local image, result = IMAGE:format(name, sha[name]:sub(1, 12)), results[index]
      assert.same({ name, image, sha[name], image_id(image), "built" },
        { result.runtime, result.image, result.sha, result.image_id, result.outcome })
      assert.truthy(result.steps.build >= 1 and result.seconds >= result.steps.build, run.stdout)
      for _, step in ipairs { "head", "lock", "clone", "check", "alias" } do
        assert.is_number(result.steps[step], step)
      end
      local reported = record.named(list, "result", name)[1]
      assert.same({ reported.image, reported.sha, reported.image_id }, { result.image, result.sha, result.image_id })
    end

    local lanes, marks = read_trace(trace)
    for _, name in ipairs(runtimes) do
      local lane = assert(lanes[name], "no lane " .. name)
      assert_nested(lane)
      for _, step in ipairs { "head", "lock", "clone", "check", "build", "alias" } do
        assert_inside(bar(lane, step), bar(lane, name))
      end
      local step = bar(lane, '3/3 RUN ["/bin/busybox", "sh", "/work"]')
      assert_inside(step, bar(lane, "build"))
      assert.truthy(step.dur >= 1e6, "the build step took " .. step.dur)
      assert_inside(bar(lane, name), bar(lanes.molbuild, "run ensure.lua"))
    end
    assert_inside(bar(lanes.hermes, "lock wait"), bar(lanes.hermes, "lock"))
    assert.equal(holder.pid, bar(lanes.hermes, "lock wait").args.pid)
    assert.equal(2, marks["codex retry HEAD lookup"].args.attempt)

    run = w:run { "run", "--progress=json", "--output=json", "--trace=" .. trace, "ensure.lua", "codex", "hermes", "codex" }
    list = record.events(run.stderr)
    assert.equal(2, #record.named(list, "result"))
    local again = record.results(run.stdout)
    assert.same({ "codex", "hermes", "codex" }, { again[1].runtime, again[2].runtime, again[3].runtime })
    for _, result in ipairs(again) do
      local image = IMAGE:format(result.runtime, sha[result.runtime]:sub(1, 12))
      assert.same({ image, sha[result.runtime], image_id(image), "hit" },
        { result.image, result.sha, result.image_id, result.outcome })
      assert.is_nil(result.steps.build)
    end
    lanes = read_trace(trace)
    assert_inside(bar(lanes.codex, "head"), bar(lanes.codex, "codex"))
  end)

  it("reports the registry's images", function()
    local run = w:run({ "run", "--progress=json", "--output=json", "ensure.lua", "hermes", "codex" },
      { MOLECULE_IMAGE_REGISTRY = "registry.example/x" })
    assert.equal(0, run.status)
    record.events(run.stderr)
    local results = record.results(run.stdout)
    assert.same({ "hermes", "registry.example/x/workspace-template-hermes:latest", "registry" },
      { results[1].runtime, results[1].image, results[1].outcome })
    assert.same({ nil, nil, {} }, { results[1].sha, results[1].image_id, results[1].steps })
    assert.equal("codex", results[2].runtime)
  end)

  --- Two runtimes whose builds fail soon, and one that takes longer.
  local function two_bad_and_one_good()
    local noise = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i of %s; done; "
    local sha = {}
    sha.hermes = w:commit("org", "hermes", template("hermes", noise:format "hermes" .. "echo the secret: " .. w.token
      .. "; exit 3"))
    sha.codex = w:commit("org", "codex", template("codex", noise:format "codex" .. "exit 4"))
    sha["claude-code"] = w:commit("org", "claude-code", template("good", "/bin/busybox sleep 3"))
    return sha
  end

  -- The last 40 lines of a build's log, as a failure shows them.
  local function end_of(log)
    local all = lines_of((assert(sh.read(log))))
    local last = {}
    for index = #all - 39, #all do
      last[#last + 1] = "  | " .. all[index]
    end
    return last, all
  end

  it("shows each failure under its name after all has ended: step, last 40 lines, the log's path", function()
    local sha = two_bad_and_one_good()
    local run = w:run({ "run", "--jobs=3", "--output=json", "--trace=" .. trace, "ensure.lua", "hermes", "claude-code", "codex" },
      { MOLECULE_GITEA_TOKEN = w.token })
    assert.equal(8, run.status, run.stderr)
    assert.is_nil((run.stdout .. run.stderr):find(w.token, 1, true))
    local results = record.results(run.stdout)
    for index, name in ipairs { "hermes", "claude-code", "codex" } do
      local result = results[index]
      assert.same({ name, sha[name], index == 2 and "built" or "failed" }, { result.runtime, result.sha, result.outcome })
      assert.truthy(index == 2 or result.error.kind == "build" and result.error.exit == 8 and not result.error.retry)
    end
    local lines, from = lines_of(run.stderr), nil
    for index, line in ipairs(lines) do
      from = from or line == "local-build: hermes: failed in step build" and index
    end
    -- The good one had ended before the first failure was shown.
    assert.equal("local-build: claude-code: " .. IMAGE:format("claude-code", sha["claude-code"]:sub(1, 12)) .. " built",
      lines[from - 1])
    for _, name in ipairs { "hermes", "codex" } do
      local log = ("%s/%s/%s.log"):format(w.cache, name, sha[name]:sub(1, 12))
      local last, all = end_of(log)
      assert.equal(("local-build: %s: failed in step build"):format(name), lines[from])
      assert.equal("local-build: the last 40 lines:", lines[from + 1])
      assert.same(last, { table.unpack(lines, from + 2, from + 41) })
      assert.equal("local-build: the whole log: " .. log, lines[from + 42])
      assert.truthy(lines[from + 43]:find("molbuild: local-build: docker build "
        .. IMAGE:format(name, sha[name]:sub(1, 12)), 1, true), lines[from + 43])
      from = from + 44
      -- The log is the whole of it.
      local text = table.concat(all, "\n")
      for number = 1, 60 do
        assert.truthy(text:find(("line %d of %s\n"):format(number, name), 1, true), "line " .. number)
      end
    end
    assert.equal(#lines, from - 1)
    local log = sh.read(("%s/hermes/%s.log"):format(w.cache, sha.hermes:sub(1, 12)))
    assert.truthy(log:find("the secret: ***", 1, true))
    assert.is_nil(log:find(w.token, 1, true))

    local lanes, marks = read_trace(trace)
    for _, name in ipairs { "hermes", "codex" } do
      assert_nested(lanes[name])
      assert.is_false(bar(lanes[name], "build").args.ok)
      assert.is_false(bar(lanes[name], name).args.ok)
      assert.equal("build", marks[name .. " failed"].args.kind)
    end
    assert.is_true(bar(lanes["claude-code"], "build").args.ok)
    assert.equal(8, bar(lanes.molbuild, "run ensure.lua").args.exit)

    run = w:run({ "run", "--progress=json", "ensure.lua", "hermes" }, { MOLECULE_GITEA_TOKEN = w.token })
    assert.equal(8, run.status)
    assert.is_nil(run.stderr:find(w.token, 1, true))
    local failed = record.named(record.events(run.stderr), "failed")
    assert.equal(1, #failed)
    assert.same({ "hermes", "build", "build", 40, ("%s/hermes/%s.log"):format(w.cache, sha.hermes:sub(1, 12)) },
      { failed[1].runtime, failed[1].kind, failed[1].step, #failed[1].tail, failed[1].log })
  end)

  it("that is interrupted still leaves a trace and a last object", function()
    w:commit("org", "hermes", template("hermes", "/bin/busybox sleep 60"))
    local run = w:start { "run", "--progress=json", "--trace=" .. trace, "ensure.lua", "hermes" }
    sh.wait_for(function() return run:so_far():find('"done":3', 1, true) end)
    run:signal "INT"
    run = run:wait()
    assert.equal(130, run.status)
    local list = record.events(run.stderr)
    assert.same({ "signal", nil }, { record.named(list, "failed")[1].kind, record.named(list, "failed")[1].runtime })
    assert.same({ false, true }, { record.named(list, "job_ended")[1].ok, record.named(list, "job_ended")[1].cancelled })
    assert.equal(130, list[#list].exit)
    local lanes = read_trace(trace)
    assert_nested(lanes.hermes)
    assert_inside(bar(lanes.hermes, '3/3 RUN ["/bin/busybox", "sh", "/work"]'), bar(lanes.hermes, "build"))
    assert.equal(130, bar(lanes.molbuild, "run ensure.lua").args.exit)
  end)

  it("writes whole lines, each under its runtime's name, when two print much at the same time", function()
    for _, name in ipairs { "hermes", "codex" } do
      w:commit("org", name, template(name,
        "i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo " .. name .. " says $i " .. ("x"):rep(200) .. "; done"))
    end
    -- BuildKit puts words of its own before a line.
    local run = w:run({ "run", "-v", "--jobs=2", "ensure.lua", "hermes", "codex" }, { PATH = w:client "classic" })
    assert.equal(0, run.status, run.stderr)
    local seen = { hermes = 0, codex = 0 }
    for _, line in ipairs(lines_of(run.stderr)) do
      local prefix, name, number = line:match "^%[(%S+)%] (%S+) says (%d+) x+$"
      if prefix then
        assert.equal(prefix, name)
        assert.equal(200, #line:match "x+$")
        seen[name] = seen[name] + 1
        assert.equal(seen[name], tonumber(number))
      end
      assert.truthy(line:find "^%[%a+%] " or line:find "^local%-build: ", line)
    end
    assert.same({ hermes = 400, codex = 400 }, seen)
  end)
end)
