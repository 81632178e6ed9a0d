--- A server that breaks the protocol in a chosen way (core/test/hostile_server.c).
local run = require "spec.support.run"
local sh = require "spec.support.sh"

---@class Hostile
---@field url string  "http://127.0.0.1:PORT"; the mode is a component of the path
local Hostile = {}
Hostile.__index = Hostile

local hostile = {}

local PROGRAM = (os.getenv "BUILD" or "build") .. "/test/hostile_server"

---@param redirect? string  where the mode "redirect" leads
---@return Hostile
function hostile.start(redirect)
  local self = setmetatable({ directory = sh.temporary "hostile" }, Hostile)
  local words = { "--log", self.directory .. "/log" }
  if redirect then table.move({ "--redirect", redirect }, 1, 2, #words + 1, words) end
  self.running = run.start { program = PROGRAM, args = words, setsid = true }
  self.port = sh.wait_for(function() return tonumber((sh.read(self.running.stdout):match "^(%d+)\n")) end, 30, PROGRAM)
  self.url = "http://127.0.0.1:" .. self.port
  return self
end

--- The heads of all requests so far, as they came.
---@return string
function Hostile:requests()
  return sh.read(self.directory .. "/log") or ""
end

--- From now on connections are taken, by the system, and nothing is answered.
function Hostile:halt()
  self.running:signal "STOP"
end

function Hostile:stop()
  -- It has a process for each connection.
  self.running:signal("KILL", true)
  self.running:wait()
  sh.remove(self.directory)
end

return hostile
