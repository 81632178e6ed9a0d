-- The terminal is restored however a run stops or pauses: a shell with job control, in a real terminal.
local terminal = require "spec.support.terminal"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a run on a terminal", function()
  local w, term

  before_each(function()
    w = world.new { forge = false }
    sh.write(w.dir .. "/p.lua", ([[
      local DIR = %q
      local function there(name) return molbuild.core.fs.lstat(DIR .. "/" .. name) end
      return { run = function()
        return molbuild.job.run_all({ { runtime = "hermes", tag = "it" } }, function(job)
          molbuild.job.step(job, "dream", function()
            while not there "go" do
              if there "exit" then require "ending" (3) end
              if there "say" then
                os.remove(DIR .. "/say")
                molbuild.log.info "said"
              end
              assert(molbuild.core.sys.sleep(0.05)) -- false once the run is cancelled
            end
          end)
          return "it"
        end)[1]
      end }
    ]]):format(w.dir))
    term = terminal.start(w.dir, "PS1='$ ' bash --norc --noprofile -i", 80, 24)
    term:wait_for(function(lines) return lines[1] == "$" end)
    -- A policy itself must not end the program; a module that it loads can.
    sh.write(w.dir .. "/ending.lua", "return os.exit")
    sh.write(w.dir .. "/start", ("echo $$ >%s/pid; exec %s\n"):format(
      w.dir, w:command({ "run", w.dir .. "/p.lua" }, { TERM = "screen-256color", LUA_PATH = w.dir .. "/?.lua;;" })))
    term:press("-l " .. sh.quote("sh " .. w.dir .. "/start; echo status $?"))
    term:press "Enter"
    term:wait_for(function(lines) return lines[#lines]:find "^hermes  dream  " end)
    assert.equal("0", term:flag "cursor_flag")
  end)

  after_each(function()
    sh.run("touch " .. w.dir .. "/go")
    term:close()
    w:close()
  end)

  local function wait_for_cursor(flag)
    sh.wait_for(function() return term:flag "cursor_flag" == flag end)
  end

  local function assert_given_back()
    wait_for_cursor "1"
    assert.equal("1", term:flag "wrap_flag")
  end

  local function shell(line)
    term:press("-l " .. sh.quote(line))
    term:press "Enter"
  end

  local function signal(name)
    sh.run(("kill -s %s $(cat %s/pid)"):format(name, w.dir))
  end

  it("restores it when it is stopped by Ctrl-Z, and draws again when it continues", function()
    term:press "C-z"
    term:wait_for(function(lines) return table.concat(lines, "\n"):find "Stopped" end)
    assert_given_back()
    shell "fg"
    wait_for_cursor "0"
    term:wait_for(function(lines) return lines[#lines]:find "^hermes  dream  " end)
    sh.run("touch " .. w.dir .. "/go")
    local lines = term:wait_for(function(lines) return table.concat(lines, "\n"):find "it\n" end)
    assert.truthy(table.concat(lines, "\n"):find("\nhermes  ✓ [^\n]*\nit\n"), table.concat(lines, "\n"))
    assert_given_back()
  end)

  it("has no live lines, and leaves the cursor alone, in the background", function()
    term:press "C-z"
    term:wait_for(function(lines) return table.concat(lines, "\n"):find "Stopped" end)
    shell "bg"
    sh.run("touch " .. w.dir .. "/say")
    term:wait_for(function(lines) return table.concat(lines, "\n"):find "molbuild: said" end)
    assert.equal("1", term:flag "cursor_flag")
    shell "fg"
    wait_for_cursor "0"
  end)

  it("draws again after a SIGSTOP", function()
    signal "STOP"
    term:wait_for(function(lines) return table.concat(lines, "\n"):find "Stopped" end)
    shell "printf '\\033[?25h'"
    wait_for_cursor "1"
    shell "fg"
    wait_for_cursor "0"
  end)

  for name, status in pairs { QUIT = 131, USR1 = 138, SEGV = 139 } do
    it("gives it back when it is ended by SIG" .. name, function()
      signal(name)
      term:wait_for(function(lines) return table.concat(lines, "\n"):find("status " .. status) end)
      assert_given_back()
    end)
  end

  it("gives it back when a policy tries to end the program", function()
    sh.run("touch " .. w.dir .. "/exit")
    term:wait_for(function(lines) return table.concat(lines, "\n"):find "status 3" end)
    assert_given_back()
  end)
end)
