--- A real terminal: tmux holds the pty, and reports its content.
local sh = require "spec.support.sh"

---@class molbuild.Terminal
---@field socket string  of its tmux
local Terminal = {}
Terminal.__index = Terminal

local terminal = {}

--- A terminal in which COMMAND, a shell's line, runs; it stays open when that has ended. DIR is a directory of the
--- spec's own.
---@param dir string
---@param command string
---@param columns integer
---@param rows integer
---@return molbuild.Terminal
function terminal.start(dir, command, columns, rows)
  -- A tmux that is ending may still answer at its socket: each has its own.
  local self = setmetatable({ socket = sh.run(("mktemp -u %s/tmux.XXXXXX"):format(dir)) }, Terminal)
  self:tmux(("-u new-session -d -x %d -y %d %s"):format(columns, rows, sh.quote(command .. "; exec sleep 1000")))
  return self
end

--- A tmux command; gives what it prints.
---@param arguments string
---@return string
function Terminal:tmux(arguments)
  return sh.run(("tmux -f /dev/null -S %s %s"):format(self.socket, arguments))
end

--- The lines on it that say something.
---@param options string?  of capture-pane: "-S -" for what has moved off its upper edge, too; "-e" for colours
---@return string[]
function Terminal:lines(options)
  local lines = {}
  for line in self:tmux("capture-pane -p -t 0 " .. (options or "")):gmatch "[^\n]+" do
    lines[#lines + 1] = line
  end
  return lines
end

--- A variable of tmux: cursor_flag, wrap_flag, cursor_x ...
---@param name string
---@return string
function Terminal:flag(name)
  return (self:tmux(("display-message -p -t 0 '#{%s}'"):format(name)):gsub("%s", ""))
end

---@param columns integer
---@param rows integer
function Terminal:resize(columns, rows)
  self:tmux(("resize-window -t 0 -x %d -y %d"):format(columns, rows))
end

--- Press keys, as tmux names them.
---@param keys string  "C-c"
function Terminal:press(keys)
  self:tmux("send-keys -t 0 " .. keys)
end

--- Wait until what it shows is as wanted, and give those lines.
---@param wanted fun(lines: string[]): boolean?
---@param seconds number?  60 when absent
---@param meanwhile fun()?
---@return string[]
function Terminal:wait_for(wanted, seconds, meanwhile)
  local lines
  local ok = pcall(sh.wait_for, function()
    if meanwhile then
      meanwhile()
    end
    lines = self:lines()
    return wanted(lines)
  end, seconds)
  if not ok then
    error("the terminal shows:\n" .. table.concat(lines or {}, "\n"), 2)
  end
  return lines
end

function Terminal:close()
  pcall(self.tmux, self, "kill-server")
end

return terminal
