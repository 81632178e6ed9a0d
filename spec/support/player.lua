-- Shows events on this terminal, for spec/integration/terminal_spec.lua.
--
-- usage: lua5.4 player.lua FIFO. Each line of the FIFO is a JSON object: an event, or {"tick":true},
-- {"close":true}, {"print":text}, {"clock":seconds}. Once the clock is set, only that changes it.

local cjson = require "cjson"
local core = require "molbuild.core"
local progress = require "molbuild.progress"
local words = require "spec.support.words"

local clock
local renderer = progress.choose {
  mode = "tty",
  color = "always",
  words = words,
  now = function()
    return clock or core.sys.monotonic()
  end,
}
for line in io.lines((...)) do
  local item = cjson.decode(line)
  clock = item.clock or clock
  if item.event then
    renderer:event(item)
  elseif item.tick then
    renderer:tick()
  elseif item.close then
    renderer:close()
  elseif item.print then
    io.stderr:write(item.print)
  end
end
