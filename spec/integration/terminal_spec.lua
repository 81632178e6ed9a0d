-- The live lines in a real terminal: tmux holds the pty, and reports its content.

local cjson = require "cjson"
local terminal = require "spec.support.terminal"
local width = require("molbuild.core").width
local sh = require "spec.support.sh"

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}

describe("live lines in a terminal", function()
  local dir, fifo, term

  local function send(item)
    fifo:write(cjson.encode(item) .. "\n")
    fifo:flush()
  end

  -- Waits until what the terminal shows is as wanted; the renderer ticks meanwhile.
  local function eventually(wanted, silent)
    return term:wait_for(wanted, 30, not silent and function() send { tick = true } end)
  end

  local function start(columns, rows)
    os.execute(("mkfifo %s/fifo"):format(dir))
    term = terminal.start(dir, ("LC_ALL=C.UTF-8 LUA_PATH=%s LUA_CPATH=%s lua5.4 spec/support/player.lua %s/fifo"):format(
      sh.quote(package.path), sh.quote(package.cpath), dir), columns, rows)
    fifo = assert(io.open(dir .. "/fifo", "w"))
  end

  local function start_all()
    for i, name in ipairs(RUNTIMES) do
      send { event = "job_started", time = 1, runtime = name }
      send { event = "step_started", time = 1, runtime = name, step = "build" }
      send { event = "progress", time = 1, runtime = name, step = "build", done = i, total = 9, text = "RUN step " .. i }
    end
  end

  -- Lines that begin with the runtimes from the FIRST on, each once and in order.
  local function shows(lines, first, last)
    if #lines ~= last - first + 1 then
      return false
    end
    for i = first, last do
      if lines[i - first + 1]:sub(1, #RUNTIMES[i] + 1) ~= RUNTIMES[i] .. " " then
        return false
      end
    end
    return true
  end

  before_each(function()
    dir = sh.run "mktemp -d"
  end)

  after_each(function()
    if fifo then
      fifo:close()
    end
    term:close()
    fifo, term = nil, nil
    sh.run("rm -rf " .. sh.quote(dir))
  end)

  it("shows a recorded run as the pictures of the pages do, in the middle and at the end", function()
    start(80, 24)
    local picture = require "spec.support.picture"
    for _, moment in ipairs { "in the middle", "at the end" } do
      for _, e in ipairs(picture.events(moment)) do
        send { clock = e.time }
        send(e)
      end
      send { clock = picture.time(moment) }
      local wanted = picture.on_page("terminal, " .. moment)
      local lines = eventually(function(lines)
        return table.concat(lines, "\n") == table.concat(wanted, "\n")
      end)
      assert.same(wanted, lines)
    end
  end)

  it("shows nine runtimes in 80x24, one line each", function()
    start(80, 24)
    start_all()
    local lines = eventually(function(lines)
      return shows(lines, 1, 9) and lines[9]:find("RUN step 9", 1, true)
    end)
    assert.truthy(lines[4]:find("^crewai       build 4/9 %[####%-%-%-%-%-%]  +[%dhm]+s  RUN step 4$"))
    assert.equal("0", term:flag("cursor_flag"))
  end)

  it("stays in one piece when the terminal changes its size, whatever the lines hold", function()
    start(80, 24)
    send { event = "log", time = 1, level = "info", message = "before" }
    start_all()
    for i, name in ipairs(RUNTIMES) do
      local piece = ({ "日本語", "e\u{301}a\u{308}", "🐢x" })[i % 3 + 1]
      send { event = "line", time = 1, runtime = name, text = piece:rep(40) }
    end
    for _, size in ipairs { { 80, 24 }, { 43, 24 }, { 30, 24 }, { 61, 24 }, { 120, 30 }, { 44, 14 }, { 80, 24 } } do
      term:resize(size[1], size[2])
      eventually(function(lines)
        local longest = 0
        for _, line in ipairs(lines) do
          longest = math.max(longest, width.columns(line))
        end
        -- Lines that the terminal moves off its upper edge while it wraps are out of reach.
        local first = lines[1] == "local-build: before" and 2 or 1
        return shows({ table.unpack(lines, first) }, 1, 9)
          and longest >= math.min(size[1], 78) - 2 and longest < size[1]
      end)
      local kept = term:lines("-S -")
      assert.equal("local-build: before", kept[1])
      assert.not_equal("local-build: before", kept[2])
    end
  end)

  it("says how many runtimes do not fit", function()
    start(80, 6)
    start_all()
    eventually(function(lines)
      return shows({ table.unpack(lines, 1, 4) }, 1, 4) and lines[5] == "... and 5 more" and #lines == 5
    end)
    term:resize(80, 24)
    eventually(function(lines)
      return shows(lines, 1, 9)
    end)
  end)

  it("leaves finished lines, failures and the terminal as they should be", function()
    start(80, 24)
    start_all()
    eventually(function(lines)
      return shows(lines, 1, 9)
    end)
    for i, name in ipairs(RUNTIMES) do
      if i == 7 then
        send { event = "failed", time = 1, runtime = name, kind = "build", message = "no", step = "build", tail = { "x" } }
        send { event = "job_ended", time = 1, runtime = name, ok = false, seconds = 3 }
      else
        send { event = "job_ended", time = 1, runtime = name, ok = true, seconds = 3, outcome = "built", image = "i:" .. i }
      end
    end
    send { event = "run_ended", time = 1, exit = 8, seconds = 3 }
    send { close = true }
    send { print = "after\n" }
    local lines = eventually(function(lines)
      return lines[#lines] == "after"
    end, true)
    assert.is_true(shows({ table.unpack(lines, 1, 9) }, 1, 9))
    assert.equal("claude-code  ✓ built  3s  i:2", lines[2])
    assert.equal("hermes       ✗ failed in build  3s  no", lines[7])
    assert.same({
      "local-build: hermes: failed in step build",
      "local-build: the last line:",
      "  | x",
      "molbuild: local-build: no",
      "after",
    }, { table.unpack(lines, 10) })
    assert.equal("1", term:flag("cursor_flag"))
    assert.equal("1", term:flag("wrap_flag"))
    local colored = term:lines("-e")
    assert.equal("after", (colored[#colored]:gsub("\27%[39m", "")))
  end)

  it("gives the terminal back when it is closed in the middle, too", function()
    start(80, 24)
    start_all()
    eventually(function(lines)
      return shows(lines, 1, 9)
    end)
    assert.equal("0", term:flag("cursor_flag"))
    send { close = true }
    send { print = "after\n" }
    local lines = eventually(function(lines)
      return lines[#lines] == "after"
    end, true)
    assert.is_true(shows({ table.unpack(lines, 1, 9) }, 1, 9))
    assert.equal("1", term:flag("cursor_flag"))
    assert.equal("1", term:flag("wrap_flag"))
  end)
end)
