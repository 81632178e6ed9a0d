--- core.process in a test's world: a program is a Lua function, which is called in the place of the real one and says what that
--- would print, how long it takes and how it ends. The bounds of the caller hold for it.
local processes = {}

---@class molbuild.testing.Call
---@field argv string[]
---@field env table<string, string>  what the caller sets for it
---@field input string?
---@field program string
---@field output string  all that it has printed
---@field code integer?  its exit status, once it has ended
local Call = {}
Call.__index = Call

--- What ends a program from outside. It is raised in it.
local Ending = {}

local function ending(fields)
  return setmetatable(fields, Ending)
end

local TAIL, TERM = 65536, 15

local function last_line(text)
  local last = ""
  for line in text:gmatch "[^\n]+" do
    last = line:find "%S" and line or last
  end
  return last
end

-- A prefix of `only`: a "0" stands for any decimal number.
local function pattern_of(prefix)
  return "^" .. prefix:gsub("%p", "%%%0"):gsub("0", "%%d+")
end

local function wants(options, line)
  for _, prefix in ipairs(options.only or {}) do
    if line:find(pattern_of(prefix)) then
      return true
    end
  end
  return not options.only
end

function Call:cancel()
  error(ending { code = "cancelled", message = self.name .. " was cancelled" }, 0)
end

-- Whole lines, as the caller gets them.
function Call:tell(text)
  local options = self.options
  for line in text:gmatch "([^\n]*)\n" do
    if options.on_line and wants(options, line) then
      local answer = options.on_line(line)
      self.quiet = answer == "quiet"
      if answer == "stop" then
        self:cancel()
      end
    end
  end
  if options.on_lines and options.on_lines(text) == "stop" then
    self:cancel()
  end
end

local function as_lines(text)
  return text:sub(-1) == "\n" and text or text .. "\n"
end

--- Print a line, or several, to stderr.
---@param format string  as of string.format; without further arguments, the text itself
---@param ... any
function Call:print(format, ...)
  local text = self.world.mask.text(as_lines(select("#", ...) == 0 and format or format:format(...)))
  self.output, self.heard = self.output .. text, self.world.clock.now
  self:tell(text)
end

--- Print to stdout. Where the caller captures that, it is nobody's to be shown.
---@param text string
function Call:out(text)
  if not self.options.capture then
    return self:print(text)
  end
  self.heard = self.world.clock.now
  if #self.stdout + #text > self.options.capture then
    error(ending { code = "too_large", message = ("%s printed more than %d bytes"):format(self.name, self.options.capture) }, 0)
  end
  self.stdout = self.stdout .. text
end

-- When the caller ends it, and why: its time, or its silence.
function Call:bound()
  local options = self.options
  local silence = self.quiet and options.quiet_phase or options.stall
  local last = last_line(self.output)
  local function over(code, what, seconds)
    return seconds and ending {
      code = code,
      message = ("%s %s %g s; %s%s"):format(self.name, what, seconds, last ~= "" and "the last line was: " or "it printed nothing",
        last),
    }
  end
  local ceiling = self.began + (options.timeout or math.huge)
  local stalled = self.heard + (silence or math.huge)
  if stalled < ceiling then
    return stalled, over("stalled", "was silent for", silence)
  end
  return ceiling, over("timeout", "took longer than", options.timeout)
end

--- Let time pass while it works, and prints nothing.
---@param seconds number  math.huge: it never continues
function Call:wait(seconds)
  local clock = self.world.clock
  local till, bound, why = clock.now + seconds, self:bound()
  if not clock:wait_for { due = math.min(till, bound) } then
    self:cancel()
  elseif bound < till or bound == self.began then -- a bound of 0 is over when it begins
    error(why, 0)
  end
end

--- The value of an option among its arguments, "--label=x" or "--label x"; all of them where there are several.
---@param name string
---@return string? first
---@return string[] all
function Call:option(name)
  local all = {}
  for index, word in ipairs(self.argv) do
    if word == name then
      all[#all + 1] = self.argv[index + 1]
    elseif word:sub(1, #name + 1) == name .. "=" then
      all[#all + 1] = word:sub(#name + 2)
    end
  end
  return all[1], all
end

--- The values of an option of the form NAME=VALUE, by their names.
---@param name string  of the option
---@return table<string, string>
function Call:pairs(name)
  local map = {}
  for _, text in ipairs(select(2, self:option(name))) do
    local key, value = text:match "^([^=]*)=(.*)$"
    map[key or text] = value or ""
  end
  return map
end

--- Whether a word is among its arguments.
---@param word string
---@return boolean
function Call:has(word)
  for _, argument in ipairs(self.argv) do
    if argument == word then
      return true
    end
  end
  return false
end

---@class molbuild.testing.Processes
local Processes = {}
Processes.__index = Processes

---@param world { clock: molbuild.testing.Clock, mask: table, files: table }
---@return molbuild.testing.Processes
function processes.new(world)
  return setmetatable({ world = world, programs = {}, calls = {}, detached = {} }, Processes)
end

-- The first id of a process that was detached. It does nothing in a world.
local FIRST_PID = 5001

--- core.process.detach
---@param options molbuild.core.DetachOptions
---@return integer pid
function Processes:detach(options)
  self.detached[#self.detached + 1] = options
  return FIRST_PID + #self.detached - 1
end

--- core.process.find
---@param name string
---@return string? path
---@return string? message
---@return string? code
function Processes:find(name)
  if self.programs[name] or self.programs[name:match "[^/]*$"] then
    return name:find "/" and name or "/usr/bin/" .. name
  elseif name:find("/", 1, true) then
    return nil, ('"%s" is not a program that can be run'):format(name), "not_found"
  end
  return nil, ('"%s" not found on PATH'):format(name), "not_found"
end

-- The log is written when the program has ended.
local function write_log(call)
  local options, files = call.options, call.world.files
  if options.log_file then
    local before = options.log_append and files.read(options.log_file, math.maxinteger) or ""
    local _, message = files.write_atomic(options.log_file, before .. call.output, 384)
    return message
  end
end

local function result_of(call, how)
  local clock = call.world.clock
  return {
    code = how.exit, signal = how.signal, seconds = clock.now - call.began, tail = call.output:sub(-(call.options.tail or TAIL)),
    last_line = last_line(call.output), stdout = call.options.capture and call.stdout or nil,
    strays = 0, strays_left = 0, log_error = write_log(call),
  }
end

local function run_program(program, call)
  local ok, status, signal = xpcall(program, function(raised)
    return getmetatable(raised) == Ending and raised or debug.traceback(raised, 2)
  end, call)
  if ok then
    return { exit = not signal and (status or 0) or nil, signal = signal }
  elseif getmetatable(status) ~= Ending then
    error(status, 0)
  end
  return status
end

--- core.process.run
---@param options molbuild.core.ProcessOptions
function Processes:run(options)
  local name = options.argv[1]
  local path, message, code = self:find(name)
  if not path then
    return nil, message, code
  end
  local base = path:match "[^/]*$"
  local call = setmetatable({
    world = self.world, options = options, argv = options.argv, program = name, name = base, env = options.env or {},
    input = options.input, output = "", stdout = "", began = self.world.clock.now, heard = self.world.clock.now,
  }, Call)
  self.calls[#self.calls + 1] = call
  local program = self.programs[name] or self.programs[base]
  local how = run_program(function(self_call)
    self_call:wait(0)
    return program(self_call)
  end, call)
  call.code, call.signal, call.seconds = how.exit, how.signal, self.world.clock.now - call.began
  if how.message then
    return nil, how.message, how.code, result_of(call, { signal = options.signal or TERM })
  end
  return result_of(call, how)
end

return processes
