-- Live lines of real runs: molbuild itself, on real terminals, with real builds on a real engine.
local terminal = require "spec.support.terminal"
local width = require("molbuild.core").width
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}

-- Wide and combining characters, a progress bar that returns to the start of its line, and what would clear the
-- screen, move the cursor, colour all that follows, or change the title. The rounds are a number, or end by TERM where that is 0.
local NOISE = [[
trap 'exit 0' TERM
i=0
while [ %d = 0 ] || [ $i -lt %d ]; do
  i=$((i+1))
  printf 'percent %%d%%%%\r' $i
  printf '\033[2J\033[H\033[31m\033]0;title\007%%s\n' "$i 日本語日本語日本語日本語日本語日本語日本語 é̈ 🐢🐢🐢 and so on to the end"
  /bin/busybox usleep 200000
done
]]

describe("molbuild on a terminal", function()
  local w, term

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    if term then
      term:close()
    end
    term = nil
    world.remove_images()
    w:close()
  end)

  -- A name that only the processes of these builds have among their words.
  local name = "noise-" .. sh.unique_seconds()

  --- With 0 ROUNDS, the build lasts until it is released: none has ended before the last one has begun.
  local function commit(runtime, rounds)
    local files = world.template_files(runtime .. " " .. w.dir) -- steps that no builder has in its cache
    files[name] = NOISE:format(rounds, rounds)
    files.Dockerfile = table.concat({
      "FROM scratch", "COPY busybox /bin/busybox", ("COPY says %s /"):format(name),
      ('RUN ["/bin/busybox", "sh", "/%s"]'):format(name), 'CMD ["/bin/busybox", "cat", "/says"]', "",
    }, "\n")
    return w:commit("org", runtime, files)
  end

  local function release()
    sh.kill(sh.processes("sh /" .. name), "TERM")
  end

  local function commit_all()
    local tags = {}
    for index, runtime in ipairs(RUNTIMES) do
      tags[index] = ("workspace-template-%s:%s"):format(runtime, commit(runtime, 0):sub(1, 12))
    end
    return tags
  end

  -- As a person has it: stdout and stderr are the terminal. What follows says how it ended.
  local function start(arguments, columns, rows, env)
    env = env or {}
    env.TERM = env.TERM or "screen-256color"
    term = terminal.start(w.dir, "trap : INT; " .. w:command(arguments, env) .. "; echo status $?", columns, rows)
  end

  local function starts(line, text)
    return line ~= nil and line:sub(1, #text) == text
  end

  -- The live lines: the last ones of all, one a runtime, in their order.
  local function live(lines, count)
    local first = #lines - #RUNTIMES
    for index = 1, count or #RUNTIMES do
      if not starts(lines[(count and #lines - count or first) + index], RUNTIMES[index] .. " ") then
        return nil
      end
    end
    return { table.unpack(lines, (count and #lines - count or first) + 1) }
  end

  local function all_build(lines)
    local block = live(lines)
    for _, line in ipairs(block or {}) do
      if not line:find("build 3/3 [", 1, true) then
        return false
      end
    end
    return block ~= nil
  end

  -- The greatest number of a line of the noise that is shown.
  local function rounds_of(lines)
    local most = 0
    for _, line in ipairs(lines) do most = math.max(most, tonumber(line:match " (%d+) 日") or 0) end
    return most
  end

  local function ended(lines)
    return starts(lines[#lines], "status ")
  end

  local function assert_given_back()
    assert.equal("1", term:flag "cursor_flag")
    assert.equal("1", term:flag "wrap_flag")
    local colored = term:lines "-e"
    assert.truthy(colored[#colored]:gsub("\27%[39m", ""):find "^status %d+$", colored[#colored])
    assert.not_equal("title", term:flag "pane_title")
  end

  it("shows nine builds in 80x24, through a resize in the middle, and leaves nine lines and the results", function()
    local tags = commit_all()
    start({ "run", "--jobs=9", "ensure.lua", "--all" }, 80, 24)
    term:wait_for(all_build)
    assert.equal("0", term:flag "cursor_flag")
    assert.truthy(starts(term:lines("-S -")[1], "local-build: running "))
    for _, columns in ipairs { 60, 100, 80 } do
      term:resize(columns, 24)
      term:wait_for(function(now)
        local block, wide = live(now), false
        for _, line in ipairs(block or {}) do
          if width.columns(line) >= columns then
            return false
          end
          wide = wide or line:find "日" ~= nil
        end
        return block and wide
      end)
      -- tmux reports a new size some time after it has wrapped its screen: what is drawn in between has the old one.
      local shown = rounds_of(term:lines())
      term:wait_for(function(now) return rounds_of(now) >= shown + 15 end)
    end
    -- Again and again: a step that is shown may not have begun yet.
    term:wait_for(ended, 120, release)
    local lines = term:lines "-S -"
    assert.equal("status 0", lines[#lines])
    -- Finished lines stay, in the order they ended, then stdout; nothing between or below them.
    local finished = {}
    for index = #lines - 18, #lines - 10 do
      local runtime, image = lines[index]:match "^(%S+) +✓ built +%d+m?%d*s  (%S+)$"
      assert.truthy(runtime, table.concat(lines, "\n"))
      finished[#finished + 1] = image:match "[^/]+$"
    end
    table.sort(finished)
    assert.same(tags, finished)
    for index, tag in ipairs(tags) do
      assert.equal("molecule-local/" .. tag, lines[#lines - 10 + index])
    end
    -- Above them the log lines, each once: the script, why each image is built, and the advice about the builder. Not
    -- checked: tmux wraps its screen again before it reports the new size, so that a frame drawn in between leaves the first
    -- rows of the one before.
    local said = 0
    for index = 1, #lines - 19 do
      said = said + (starts(lines[index], "local-build: ") and 1 or 0)
    end
    assert.truthy(said == 10 or said == 11, table.concat(lines, "\n"))
    assert_given_back()
  end)

  -- The rows of a terminal without the line that a run prints once when it takes longer than a second to stop.
  local function without_hint(rows, columns)
    local hint = "local-build: stopping the running steps; send the signal again to kill them"
    for index = 1, #rows - 1 do
      if rows[index] == hint:sub(1, columns) and rows[index + 1] == hint:sub(columns + 1) then
        table.remove(rows, index)
        table.remove(rows, index)
        break
      end
    end
    return rows
  end

  it("shows as many as fit, and how many do not", function()
    commit_all()
    start({ "run", "--jobs=2", "ensure.lua", "--all" }, 70, 7)
    local lines = term:wait_for(function(lines)
      local working = 0
      for _, line in ipairs(lines) do
        working = working + (line:find("build 3/3 [", 1, true) and 1 or 0)
      end
      return working == 2 and lines[#lines] == "... and 4 more" and #lines == 6
    end)
    assert.truthy(lines[3]:find " waiting ", lines[3])
    term:press "C-c"
    term:wait_for(ended)
    lines = without_hint(term:lines "-S -", 70)
    assert.equal("status 130", lines[#lines])
    assert.equal("molbuild: local-build: ended by SIGINT (2)", lines[#lines - 1])
    for index = 1, 9 do
      local runtime, how = lines[#lines - 1 - index]:match "^(%S+) +✗ ended (.-)  [%dhm]+s$"
      assert.truthy(runtime and (how == "in build" or how == "while waiting"), lines[#lines - 1 - index])
    end
    assert_given_back()
  end)

  it("leaves cursor, colours and last lines after a failure and after an error in the policy", function()
    commit("codex", 1)
    w:commit("org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo last words; exit 3"]\n',
    })
    sh.write(w.dir .. "/crash.lua", [[
      local ensure = molbuild.load "ensure.lua"
      local build = ensure.build
      function ensure.build(job)
        build(job)
        if job.runtime == "codex" then return ({}).nothing.here end
      end
      return ensure
    ]])
    start({ "run", "--jobs=2", w.dir .. "/crash.lua", "codex", "hermes" }, 150, 50, { PATH = w:client "classic" })
    term:wait_for(ended)
    local lines = term:lines()
    local text = table.concat(lines, "\n")
    assert.truthy(text:find("\nhermes  ✗ failed in build  ", 1, true), text)
    assert.truthy(text:find("\ncodex   ✗ failed in build  ", 1, true), text)
    local crash = text:find("\nlocal-build: codex: failed in step build\nmolbuild: local-build: ", 1, true)
    assert.truthy(text:find("crash.lua:5: attempt to index a nil value (field 'nothing')", crash, true), text)
    assert.truthy(text:find("\n  stack traceback:\n", crash, true), text)
    local failure = text:find("\nlocal-build: hermes: failed in step build\nlocal-build: the last ", crash, true)
    assert.truthy(text:find("\n  | last words\n", failure, true), text)
    assert.equal("status 70", lines[#lines])
    assert_given_back()
  end)

  it("leaves them also where a policy that never waits is ended by the third Ctrl-C", function()
    sh.write(w.dir .. "/busy.lua", [[
      return { run = function()
        molbuild.job.step({}, "dream", function()
          molbuild.core.sys.sleep(0.5)
          molbuild.log.info "here"
          molbuild.core.sys.sleep(0.5)
          while true do end
        end)
      end }
    ]])
    start({ "run", w.dir .. "/busy.lua" }, 80, 24)
    term:wait_for(function(lines) return ("\n" .. table.concat(lines, "\n")):find("\nmolbuild: here", 1, true) end)
    assert.equal("0", term:flag "cursor_flag")
    os.execute "sleep 1"
    term:wait_for(ended, 60, function()
      term:press "C-c"
      os.execute "sleep 0.2"
    end)
    local lines = term:lines()
    assert.equal("status 130", lines[#lines])
    assert_given_back()
  end)

  it("shows a lock's holder above the live lines, and when the lock is acquired", function()
    -- A build that prints nothing: its lines would be shown in the place of the holder.
    local seconds = sh.unique_seconds()
    w:commit("org", "hermes", {
      Dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\n"
        .. ('RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep %s; true"]\n'):format(seconds),
    })
    local first = w:start { "run", "ensure.lua", "hermes" }
    sh.wait_for(function() return #sh.processes("sleep " .. seconds) > 0 end)
    start({ "run", "ensure.lua", "hermes" }, 200, 24)
    local lines = term:wait_for(function(lines)
      return lines[#lines] and lines[#lines]:find "^hermes  lock  [%dhm]+s  held by pid"
    end)
    local host = sh.run "hostname"
    assert.truthy(lines[#lines]:find(("held by pid %d on %s (build hermes at "):format(first.pid, host), 1, true))
    local text = table.concat(lines, "\n")
    assert.truthy(text:find(("\nlocal%%-build: waiting for the lock held by pid %d on %s since "
      .. "%%d+%%-%%d+%%-%%d+T%%d+:%%d+:%%d+Z %%(build hermes at %%x+, step %%l+%%)\n")
      :format(first.pid, (host:gsub("%p", "%%%0")))),
      text)
    sh.kill(sh.processes("sleep " .. seconds), "TERM")
    lines = term:wait_for(ended)
    assert.truthy(table.concat(lines, "\n"):find("\nlocal%-build: acquired the lock after [%dhm]+s\nhermes  ✓ up to date  "))
    assert.equal(0, first:wait().status)
    assert_given_back()
  end)

  it("shows every line with -v, whatever is in it, and no colour with NO_COLOR", function()
    commit("hermes", 10)
    start({ "run", "-v", "ensure.lua", "hermes" }, 60, 24, { NO_COLOR = "1", PATH = w:client "classic" })
    term:wait_for(ended)
    local lines = term:lines "-S - -J"
    local text = table.concat(lines, "\n")
    for number = 1, 10 do
      assert.truthy(text:find(("\n%d 日本語日本語日本語日本語日本語日本語日本語 é̈ 🐢🐢🐢 and so on to the end"):format(number), 1, true), text)
      assert.truthy(text:find(("\npercent %d%%"):format(number), 1, true), text)
    end
    assert.is_nil(table.concat(term:lines "-S - -e"):find("\27%[[1-9]"))
    assert_given_back()
  end)

  it("writes plain lines with TERM=dumb, in CI and with --progress=plain", function()
    local policy = w.dir .. "/steps.lua"
    sh.write(policy, [[
      return { words = { slow = { "build" } }, run = function()
        molbuild.job.step({}, "build", function()
          molbuild.events.emit("progress", { done = 1, total = 2, text = "RUN this" })
          molbuild.child.run { argv = { "echo", "that" } }
        end)
        molbuild.log.warn "so it is"
        return "result"
      end }
    ]])
    for _, case in ipairs { { env = { TERM = "dumb" } }, { env = { CI = "true" } }, { "--progress=plain" } } do
      start({ "run", case[1] or "--jobs=2", policy }, 100, 30, case.env)
      term:wait_for(ended)
      assert.same({
        "molbuild: running " .. policy, "build", "build 1/2  RUN this", "build done in 0s",
        "molbuild: warning: so it is", "result", "status 0",
      }, term:lines())
      -- Colours are for whom they are wanted by; CI's terminal understands them.
      local colored = table.concat(term:lines "-e", "\n"):find "\27%[33mwarning: " ~= nil
      assert.equal(not case.env or case.env.TERM ~= "dumb", colored)
      assert_given_back()
      term:close()
    end
  end)
end)
