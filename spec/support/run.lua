--- Runs molbuild, or another program, as a user would, in an environment of its own making.
local sh = require "spec.support.sh"

---@class Running
---@field pid integer
---@field directory string  where its output is collected
local Running = {}
Running.__index = Running

local run = {}

--- The program under test.
run.program = os.getenv "MOLBUILD_BIN" or "build/molbuild"

--- What children of a test inherit; the proxies, certificates and settings of the user who runs the tests are not.
local INHERITED = { "PATH", "TMPDIR", "DOCKER_HOST", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS" }

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

local function absolute(path)
  if path:sub(1, 1) == "/" or not path:find("/", 1, true) then return path end
  return sh.run "pwd -P" .. "/" .. path
end

--- Start it in the background.
---
--- options: args; program (molbuild); env (values; false takes one away; PATH, TMPDIR and DOCKER_HOST are inherited,
--- HOME is an empty directory unless given); cwd; stdin (a text; none is /dev/null); stdout, stderr (files to write to
--- instead of collecting); setsid (a session of its own); prefix (words before the program, such as a tracer).
---@param options table
---@return Running
function run.start(options)
  local directory = sh.temporary "run"
  local self = setmetatable({ directory = directory }, Running)
  sh.run { "mkdir", directory .. "/home" }
  local words = { "env", "-i" }
  local function add(list) table.move(list, 1, #list, #words + 1, words) end
  if options.setsid then table.insert(words, 1, "setsid") end
  add(reset_signals())
  add(environment(options.env, directory .. "/home"))
  add(options.prefix or {})
  add { absolute(options.program or run.program) }
  add(options.args or {})
  if options.stdin then sh.write(directory .. "/stdin", options.stdin) end
  self.stdout = options.stdout or directory .. "/stdout"
  self.stderr = options.stderr or directory .. "/stderr"
  -- exec all the way: the process id that the shell prints is the program's.
  self.pipe = assert(io.popen(("cd %s && echo $$ && exec %s <%s >%s 2>%s"):format(
    sh.quote(options.cwd or "."), sh.join(words), sh.quote(options.stdin and directory .. "/stdin" or "/dev/null"),
    sh.quote(self.stdout), sh.quote(self.stderr))))
  self.pid = assert(self.pipe:read "n", "the program did not start")
  return self
end

--- Whether it still runs; a zombie does not.
---@return boolean
function Running:lives()
  local pipe = io.popen("ps -o state= -p " .. self.pid)
  local state = pipe:read "a"
  pipe:close()
  return state:find "^%s*[^Z%s]" ~= nil
end

--- Send a signal, to the process or, with GROUP, to its process group (which needs `setsid`).
---@param signal string  "TERM"
---@param group? boolean
function Running:signal(signal, group)
  sh.try(("kill -s %s -- %s%d"):format(signal, group and "-" or "", self.pid))
end

--- Wait for its end. Over the deadline, it is killed and this raises.
---@param seconds? number  60 when absent
---@return { status: integer?, signal: integer?, stdout: string?, stderr: string? }  status or signal
function Running:wait(seconds)
  local function over() return not self:lives() end
  local ended, message = pcall(sh.wait_until, seconds or 60, "the program to end", over)
  if not ended then self:signal "KILL" end
  local _, how, number = self.pipe:close()
  local result = { stdout = sh.read(self.stdout), stderr = sh.read(self.stderr) }
  result[how == "signal" and "signal" or "status"] = number
  sh.remove(self.directory)
  if not ended then error(("%s; it wrote: %s"):format(message, result.stderr), 2) end
  return result
end

--- What it has written to stderr so far.
---@return string
function Running:so_far()
  return sh.read(self.stderr) or ""
end

--- Run it to its end: options as of run.start, and timeout (seconds, 60).
---@param options table
---@return { status: integer?, signal: integer?, stdout: string?, stderr: string? }
function run.run(options)
  return run.start(options):wait(options.timeout)
end

return run
