-- The live lines in a real terminal: tmux holds the pty, and tells what is on it.

local cjson = require "cjson"
local width = require("molbuild.core").width

local RUNTIMES = {
  "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
}
local PATIENCE = 100 -- of 50 ms

local function read_all(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("a")
  return text, pipe:close()
end

local function quoted(s)
  return "'" .. s:gsub("'", "'\\''") .. "'"
end

describe("live lines in a terminal", function()
  local dir, fifo

  local function tmux(arguments)
    local text, ok = read_all(("tmux -f /dev/null -S %s/socket %s"):format(dir, arguments))
    assert(ok, text)
    return text
  end

  local function send(item)
    fifo:write(cjson.encode(item) .. "\n")
    fifo:flush()
  end

  -- The lines on the terminal that say something.
  local function screen(options)
    local lines = {}
    for line in tmux("capture-pane -p -t 0 " .. (options or "")):gmatch("[^\n]+") do
      lines[#lines + 1] = line
    end
    return lines
  end

  local function flag(name)
    return tmux(("display-message -p -t 0 '#{%s}'"):format(name)):gsub("%s", "")
  end

  -- Waits until what the terminal shows is as wanted; the renderer ticks meanwhile.
  local function eventually(wanted, silent)
    local lines
    for _ = 1, PATIENCE do
      if not silent then
        send { tick = true }
      end
      lines = screen()
      if wanted(lines) then
        return lines
      end
      os.execute("sleep 0.05")
    end
    error("the terminal shows:\n" .. table.concat(lines, "\n"), 2)
  end

  local function start(columns, rows)
    os.execute(("mkfifo %s/fifo"):format(dir))
    local environment = ("LC_ALL=C.UTF-8 LUA_PATH=%s LUA_CPATH=%s"):format(
      quoted(package.path), quoted(package.cpath))
    local command = ("%s lua5.4 spec/support/player.lua %s/fifo; sleep 1000"):format(environment, dir)
    tmux(("-u new-session -d -x %d -y %d %s"):format(columns, rows, quoted(command)))
    fifo = assert(io.open(dir .. "/fifo", "w"))
  end

  local function resize(columns, rows)
    tmux(("resize-window -t 0 -x %d -y %d"):format(columns, rows))
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
    dir = read_all("mktemp -d"):gsub("%s", "")
  end)

  after_each(function()
    if fifo then
      fifo:close()
    end
    fifo = nil
    read_all(("tmux -S %s/socket kill-server"):format(dir))
    os.execute("rm -rf " .. quoted(dir))
  end)

  it("shows nine runtimes in 80x24, one line each", function()
    start(80, 24)
    start_all()
    local lines = eventually(function(lines)
      return shows(lines, 1, 9) and lines[9]:find("RUN step 9", 1, true)
    end)
    assert.truthy(lines[4]:find("^crewai       build 4/9 %[####%-%-%-%-%-%]  +%d+s  RUN step 4$"))
    assert.equal("0", flag("cursor_flag"))
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
      resize(size[1], size[2])
      eventually(function(lines)
        local longest = 0
        for _, line in ipairs(lines) do
          longest = math.max(longest, width.columns(line))
        end
        -- What the terminal moves off its upper edge while it wraps lines anew is nobody's any more.
        local first = lines[1] == "local-build: before" and 2 or 1
        return shows({ table.unpack(lines, first) }, 1, 9)
          and longest >= math.min(size[1], 78) - 2 and longest < size[1]
      end)
      local kept = screen("-S -")
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
    resize(80, 24)
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
    assert.equal("hermes       ✗ failed in build  3s", lines[7])
    assert.same({
      "local-build: hermes: failed in step build",
      "local-build: the last line:",
      "  | x",
      "molbuild: local-build: no",
      "after",
    }, { table.unpack(lines, 10) })
    assert.equal("1", flag("cursor_flag"))
    assert.equal("1", flag("wrap_flag"))
    local colored = screen("-e")
    assert.equal("after", (colored[#colored]:gsub("\27%[39m", "")))
  end)

  it("gives the terminal back when it is closed in the middle, too", function()
    start(80, 24)
    start_all()
    eventually(function(lines)
      return shows(lines, 1, 9)
    end)
    assert.equal("0", flag("cursor_flag"))
    send { close = true }
    send { print = "after\n" }
    local lines = eventually(function(lines)
      return lines[#lines] == "after"
    end, true)
    assert.is_true(shows({ table.unpack(lines, 1, 9) }, 1, 9))
    assert.equal("1", flag("cursor_flag"))
    assert.equal("1", flag("wrap_flag"))
  end)
end)
