--- The globals of a policy: Lua's own and `molbuild`, without functions that would end the program, start a process or write
--- to stdout. Reading an undefined global raises an error, and so does setting a global.
local busy = require "molbuild.base.busy"
local seal = require "molbuild.base.seal"
local task = require "molbuild.base.task"

local environment = {}

--- The messages about mistakes in the use of globals, as formats.
environment.MISTAKES = {
  refused = "%s must not be called in a policy: %s", set = "the global %s is set: write `local %s`", unknown = "no global %s%s",
}
local MISTAKES = environment.MISTAKES

local function refused(name, instead)
  return function()
    seal.mistake(2, MISTAKES.refused, name, instead)
  end
end

--- Replacements for functions of the standard libraries, by name.
environment.REFUSED = {
  os = {
    exit = "return from the function, or raise an error with molbuild.raise",
    execute = "run programs with molbuild.child.run",
    setlocale = "the locale belongs to the whole program",
  },
  io = { popen = "run programs with molbuild.child.run" },
}

local function copy(library, name)
  local own = {}
  for key, value in pairs(library) do own[key] = value end
  for key, instead in pairs(environment.REFUSED[name] or {}) do own[key] = refused(name .. "." .. key, instead) end
  return own
end

--- `print` and `io.write` of a policy: stdout has the result alone, so that text goes to the log, masked.
local function writers(say)
  local function joined(separator, ...)
    local words = table.pack(...)
    for index = 1, words.n do words[index] = tostring(words[index]) end
    local text = table.concat(words, separator):gsub("\n$", "")
    for line in (text .. "\n"):gmatch "(.-)\n" do say("%s", line) end
  end
  local stream = {}
  function stream.write(self, ...)
    joined("", ...)
    return self
  end
  function stream.flush(self) return self end
  stream.setvbuf, stream.close = function() return true end, refused("io.stdout:close", "stdout belongs to the program")
  return function(...) joined("\t", ...) end, stream
end

local function own_io(stream)
  local own = copy(io, "io")
  own.stdout = stream
  function own.write(...) return stream:write(...) end
  function own.output(...)
    if select("#", ...) > 0 then seal.mistake(2, "io.output must not be set in a policy: open a file, and write to it") end
    return stream
  end
  return own
end

--- A yield of the task's own coroutine would give the scheduler a value that is no operation, and the task would never end.
local function own_coroutine()
  local own = copy(coroutine, "coroutine")
  function own.create(fn)
    return busy.watch(coroutine.create(fn))
  end
  function own.wrap(fn)
    local thread = own.create(fn)
    local function results(ok, ...)
      if ok then return ... end
      coroutine.close(thread)
      error((...), 0)
    end
    return function(...) return results(coroutine.resume(thread, ...)) end
  end
  function own.yield(...)
    local current = task.current()
    if current and coroutine.running() == current.coroutine then
      seal.mistake(2, "coroutine.yield outside of a coroutine of the policy's own")
    end
    return coroutine.yield(...)
  end
  return own
end

--- The names of all globals.
---@param own table  as of environment.new
---@return table<string, true>
function environment.names(own)
  local known = {}
  for key in pairs(_G) do known[key] = true end
  for key in pairs(own) do known[key] = true end
  return known
end

--- The globals for one policy.
---@param molbuild table  the library
---@return table
function environment.new(molbuild)
  local print_, stream = writers(function(...) molbuild.log.info(...) end)
  local own = {
    molbuild = molbuild, print = print_, os = copy(os, "os"), io = own_io(stream), coroutine = own_coroutine(),
  }
  own._G = own
  function own.require(name, ...)
    return (name == "os" or name == "io" or name == "coroutine") and own[name] or require(name, ...)
  end
  local meta = {}
  function meta.__index(_, name)
    local value = rawget(_G, name)
    if value == nil and type(name) == "string" then
      seal.mistake(2, MISTAKES.unknown, name, require("molbuild.base.nearest").hint(name, environment.names(own)))
    end
    return value
  end
  function meta.__newindex(_, name)
    seal.mistake(2, MISTAKES.set, tostring(name), tostring(name))
  end
  return setmetatable(own, meta)
end

return environment
