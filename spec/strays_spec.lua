-- Processes that a child leaves running are stopped, whatever they do, with a warning.
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local task = require "molbuild.base.task"

local function read(path)
  return core.fs.read(path, 100)
end

-- Seconds. The grace is 10; a busy machine may take its time, but a grandchild must not have ended by itself.
local LIMIT, LIFE = 60, 120

-- What begins a grandchild; it writes its pid into the file "pid" and lives on for LIFE seconds and more. The program
-- continues when that is done.
local function grandchild(prefix, first)
  local lives = "echo $$ >pid.new; mv pid.new pid; i=0; while [ $i -lt %d ]; do i=$((i + 1)); sleep 0.05; done"
  return ("%s sh -c '%s %s' & until [ -e pid ]; do sleep 0.05; done;"):format(prefix, first, lives:format(LIFE * 20))
end

local DEAF = 'trap "" TERM INT HUP;'

-- How the grandchild is begun, and what the program does after it. `cancel` ends the program, which would continue.
local CASES = {
  ["that keeps the output open"] = { grandchild("", ""), "exit 3" },
  ["that ignores TERM"] = { grandchild("", DEAF), "exit 3" },
  ["in a session of its own"] = { grandchild("setsid", ""), "exit 3" },
  ["in a session of its own that ignores TERM"] = { grandchild("setsid", DEAF), "exit 3" },
  ["that ignores TERM, of a program that is cancelled"] = { grandchild("", DEAF), "sleep 60", cancel = true },
  ["in a session and an environment of its own, of a program that is cancelled"] = {
    grandchild("env -i PATH=/usr/bin:/bin setsid", DEAF .. " exec >/dev/null 2>&1;"), "sleep 60", cancel = true,
  },
}

--- Run one case: the warnings it gave, how long it took, and the grandchild's state.
local function run(dir, case)
  local warnings, result = {}, nil
  local scope = task.scope()
  scope.events = function(e)
    if e.event == "log" and e.level == "warn" then warnings[#warnings + 1] = e.message end
  end
  local running = task.spawn(function()
    result = child.run { argv = { "sh", "-c", case[1] .. " echo ready; " .. case[2] }, cwd = dir }
  end)
  while not read(dir .. "/pid") do core.sys.sleep(0.02) end
  local began = core.sys.monotonic()
  if case.cancel then running:cancel() end
  pcall(running.join, running)
  local seconds = core.sys.monotonic() - began
  local pid = read(dir .. "/pid"):match "%d+"
  -- A zombie is dead: who buries it may take its time.
  local state = core.process.run { argv = { "ps", "-o", "state=", "-p", pid } }.tail
  return { warnings = warnings, seconds = seconds, state = state, code = result and result.code }
end

describe("a grandchild", function()
  local outcomes, root = {}, nil

  -- All at the same time: most of them only wait for the end of the grace period.
  setup(function()
    root = assert(core.fs.mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/strays."))
    local names = {}
    for name in pairs(CASES) do names[#names + 1] = name end
    task.run(function()
      local all = task.map(names, { settle = true }, function(name)
        local dir = assert(core.fs.mkdtemp(root .. "/case."))
        return run(dir, CASES[name])
      end)
      for index, name in ipairs(names) do outcomes[name] = all[index] end
    end)
  end)

  teardown(function()
    core.fs.remove_tree(root)
  end)

  for name, case in pairs(CASES) do
    it(name .. " is stopped, with a warning", function()
      assert.is_true(outcomes[name].ok, tostring(outcomes[name].error))
      local outcome = outcomes[name].value
      assert.truthy(outcome.state == "" or outcome.state:find "^Z", outcome.state)
      assert.is_true(outcome.seconds < LIMIT, outcome.seconds)
      -- The sleep of a moment that it has just begun may be counted, too.
      assert.equal(1, #outcome.warnings)
      assert.truthy(outcome.warnings[1]:find "^sh left [12] process%(es%) running: stopped them$", outcome.warnings[1])
      assert.equal(not case.cancel and 3 or nil, outcome.code)
    end)
  end
end)
