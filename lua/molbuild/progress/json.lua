-- One JSON object a line: docs/events.md.

local encode = require "molbuild.progress.encode"

local VERSION = 1
local FIRST = { "v", "time", "event", "runtime", "step" }
local ARRAYS = { args = true, tail = true }

local json = {}

---@class molbuild.JsonRenderer
local Json = {}
Json.__index = Json

--- A renderer that writes every event as a line of JSON.
---@param opts { write: fun(text: string) }
---@return molbuild.JsonRenderer
function json.new(opts)
  return setmetatable({ write = opts.write, wants_lines = true }, Json)
end

--- Write an event.
---@param e table
function Json:event(e)
  local object = { v = VERSION }
  for name, value in pairs(e) do
    object[name] = value
  end
  self.write(encode.object(object, FIRST, ARRAYS) .. "\n")
end

--- Nothing here changes by itself.
function Json.tick() end

--- Nothing is kept back.
function Json.close() end

return json
