--- `molbuild eval`: run a chunk of Lua as a policy would run it, in a task, and print what it returns as Lua values.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local script = require "molbuild.script"
local show = require "molbuild.testing.show"
local task = require "molbuild.base.task"
local text_file = require "molbuild.base.text_file"

local eval = {}

local SIGHUP, SIGINT, SIGTERM = 1, 2, 15

-- An expression is a chunk, too.
local function compile(source, globals)
  local chunk = load("return " .. source, "=eval", "t", globals)
  if chunk then return chunk end
  local other, syntax = load(source, "=eval", "t", globals)
  return other or errors.raise { kind = "usage", message = syntax }
end

--- Run a chunk.
---@param source string  Lua; "-" reads it from stdin
---@param library table  the module molbuild
---@return integer status
---@raise any  what the chunk raised
function eval.main(source, library)
  if source == "-" then
    local message
    source, message = text_file.read_lua "/dev/stdin"
    errors.must(source, message)
  end
  local chunk = compile(source, script.globals(library))
  local values = table.pack(task.run(chunk, { signals = { SIGHUP, SIGINT, SIGTERM } }))
  local lines = {}
  for index = 1, values.n do lines[index] = show.value(values[index]) .. "\n" end
  errors.must(core.sys.write(1, table.concat(lines)))
  return 0
end

return eval
