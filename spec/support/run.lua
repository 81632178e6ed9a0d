--- Runs molbuild, or another program, as a user would, in an environment of its own making.
---
--- Options of all functions here: args; program (molbuild); env (values; false takes one away; see INHERITED, and LANG); home
--- (for HOME; a new empty directory when absent); cwd; prefix (words before the program, or a shell's text: a tracer, a
--- limit); setsid (a session of its own).
local core = require "molbuild.core"
local sh = require "spec.support.sh"

---@class Running
---@field pid integer
---@field stdout string  the file that its output goes to
---@field stderr string
local Running = {}
Running.__index = Running

local run = {}

--- The program under test.
run.program = os.getenv "MOLBUILD_BIN" or "build/molbuild"

--- What children of a test inherit; the proxies, certificates and settings of the user who runs the tests are not.
local INHERITED = { "PATH", "TMPDIR", "DOCKER_HOST", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "GOGC", "GOMEMLIMIT" }

local function environment(own, home)
  local variables = { LANG = "C.UTF-8", HOME = home }
  for _, name in ipairs(INHERITED) do variables[name] = os.getenv(name) end
  for name, value in pairs(own or {}) do variables[name] = value or nil end
  local words = {}
  for name, value in pairs(variables) do words[#words + 1] = name .. "=" .. value end
  table.sort(words)
  return words
end

--- A shell that ignores SIGINT hands that down; coreutils' env can undo it.
local reset
local function reset_signals()
  if reset == nil then
    reset = sh.try "env --default-signal=INT true" and { "--default-signal=INT,HUP,TERM,QUIT,PIPE" } or {}
  end
  return reset
end

local working_directory
local function absolute(path)
  if path:sub(1, 1) == "/" or not path:find("/", 1, true) then return path end
  working_directory = working_directory or sh.run "pwd -P"
  return working_directory .. "/" .. path
end

--- The shell's command that runs it, without `cwd`: for a terminal, or a script. `home` must be given.
---@param options table
---@return string
function run.command(options)
  local words = { "env", "-i" }
  local function add(list) table.move(list, 1, #list, #words + 1, words) end
  if options.setsid then table.insert(words, 1, "setsid") end
  add(reset_signals())
  add(environment(options.env, options.home))
  local prefix = options.prefix or ""
  return table.concat({
    sh.join(words), type(prefix) == "table" and sh.join(prefix) or prefix,
    sh.join { absolute(options.program or run.program), table.unpack(options.args or {}) },
  }, " ")
end

--- Start it in the background.
---
--- More options: stdin (a text; none is /dev/null); stdout, stderr (files to write to instead of collecting); redirect (a
--- shell's redirections, which come last); directory (for what is collected; it stays).
---@param options table
---@return Running
function run.start(options)
  local kept = options.directory
  local directory = assert(core.fs.mkdtemp((kept or os.getenv "TMPDIR" or "/tmp") .. "/run."))
  local home = options.home or directory .. "/home"
  if not options.home then assert(core.fs.mkdirp(home)) end
  if options.stdin then sh.write(directory .. "/stdin", options.stdin) end
  local self = {
    directory = not kept and directory or nil,
    stdout = options.stdout or directory .. "/stdout", stderr = options.stderr or directory .. "/stderr",
  }
  local command = run.command(setmetatable({ home = home }, { __index = options }))
  -- exec all the way: the process id that the shell prints is the program's. By then its files are there.
  self.pipe = assert(io.popen(("exec <%s 3>%s 2>%s && %s echo $$ && exec %s >&3 3>&- %s"):format(
    sh.quote(options.stdin and directory .. "/stdin" or "/dev/null"), sh.quote(self.stdout), sh.quote(self.stderr),
    options.cwd and "cd " .. sh.quote(options.cwd) .. " &&" or "", command, options.redirect or "")))
  self.pid = assert(self.pipe:read "n", "the program did not start")
  -- With the metatable comes __gc: it must be called before the pipe's own, which waits for the program.
  return setmetatable(self, Running)
end

--- Whether it still runs; a zombie does not.
---@return boolean
function Running:lives()
  return not self.result and sh.lives(self.pid)
end

--- Send a signal, to the process or, with GROUP, to its process group (which needs `setsid`).
---@param signal string  "TERM"
---@param group? boolean
function Running:signal(signal, group)
  sh.try(("kill -s %s -- %s%d"):format(signal, group and "-" or "", self.pid))
end

local NUMBERS = { HUP = 1, INT = 2, TERM = 15 }

--- Send a signal, and wait until it has been delivered: two that wait at the same time are one. Not to one that is stopped.
---@param signal string  "INT"
function Running:deliver(signal)
  self:signal(signal)
  local bit = 1 << (NUMBERS[signal] - 1)
  sh.wait_for(function()
    local pending = (sh.read(("/proc/%d/status"):format(self.pid)) or ""):match "\nShdPnd:\t(%x+)"
    return not pending or tonumber(pending, 16) & bit == 0
  end)
end

local function collect(self)
  local _, how, number = self.pipe:close()
  self.result = { stdout = sh.read(self.stdout), stderr = sh.read(self.stderr) }
  self.result.signal = how == "signal" and number or nil
  self.result.status = how == "signal" and 128 + number or number
  if self.directory then sh.remove(self.directory) end
  return self.result
end

--- Wait for its end. Over the deadline, it is killed and this raises. Asked again, it gives the same.
---@param seconds? number  240 when absent
---@return { status: integer, signal: integer?, stdout: string?, stderr: string? }  status as a shell has it: 128 and the signal
function Running:wait(seconds)
  if self.result then return self.result end
  local ended, message = pcall(sh.wait_for, function() return not self:lives() end, seconds or 240, "the program to end")
  if not ended then self:signal "KILL" end
  local result = collect(self)
  if not ended then error(("%s; it wrote: %s"):format(message, result.stderr), 2) end
  return result
end

--- What it has written to stderr so far.
---@return string
function Running:so_far()
  return self.result and self.result.stderr or sh.read(self.stderr) or ""
end

--- End it, where it still runs.
function Running:close()
  if self.result then return end
  self:signal "KILL"
  collect(self)
end

Running.__close, Running.__gc = Running.close, Running.close

--- Run it to its end: options as of run.start, and timeout (seconds, 240).
---@param options table
---@return { status: integer, signal: integer?, stdout: string?, stderr: string? }
function run.run(options)
  return run.start(options):wait(options.timeout)
end

return run
