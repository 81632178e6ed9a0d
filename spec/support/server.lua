--- Servers for specs, real ones, each at an unused port of 127.0.0.1.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

---@class Server
---@field port integer
---@field address string  "127.0.0.1:PORT"
---@field running Running  it leads a group
local Server = {}
Server.__index = Server

local server = {}

local function takes_connections(port)
  return sh.try(("bash -c 'exec 3<>/dev/tcp/127.0.0.1/%d'"):format(port))
end

--- A port on which no process listens now.
---@return integer
function server.free_port()
  while true do
    local port = math.random(20000, 31999)
    if not takes_connections(port) then return port end
  end
end

--- Start a server. OPTIONS gives those of run.start() for a port. It is asked until it takes connections; where another one has
--- taken the port meanwhile and this one gives up, another port is tried.
---@param name string  for messages
---@param options fun(port: integer): table
---@return Server
function server.start(name, options)
  local said
  for _ = 1, 5 do
    local port = server.free_port()
    local settings = options(port)
    settings.setsid = true
    local running = run.start(settings)
    local ready = pcall(sh.wait_for, function()
      if not running:lives() then error "it has ended" end
      return takes_connections(port) and running:lives()
    end, 30, name)
    if ready then return setmetatable({ port = port, address = "127.0.0.1:" .. port, running = running }, Server) end
    running:close()
    local ended = running:wait()
    said = ended.stdout .. ended.stderr
  end
  error(("%s does not start: %s"):format(name, said))
end

--- End it, and the processes of its group.
function Server:stop()
  self.running:signal("KILL", true)
  self.running:wait()
end

return server
