-- Shows events on this terminal, for spec/integration/terminal_spec.lua.
--
-- usage: lua5.4 player.lua FIFO. Each line of the FIFO is a JSON object: an event, or {"tick":true},
-- {"close":true}, {"print":text}.

local cjson = require "cjson"
local progress = require "molbuild.progress"

local renderer = progress.choose { mode = "tty", color = "always" }
for line in io.lines((...)) do
  local item = cjson.decode(line)
  if item.event then
    renderer:event(item)
  elseif item.tick then
    renderer:tick()
  elseif item.close then
    renderer:close()
  else
    io.stderr:write(item.print)
  end
end
