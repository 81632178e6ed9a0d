--- A forward proxy: tinyproxy on a free port of 127.0.0.1, which takes every request and CONNECT, or only those of one user.
local server = require "spec.support.server"
local sh = require "spec.support.sh"

---@class Proxy
---@field address string  "127.0.0.1:PORT"
local Proxy = {}
Proxy.__index = Proxy

local proxy = {}

local function find()
  return sh.run "PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin command -v tinyproxy"
end

local function configure(directory, port, user, password)
  sh.write(directory .. "/conf", table.concat({
    "Port " .. port, "Listen 127.0.0.1", "Allow 127.0.0.1", "Timeout 60", "MaxClients 40", "LogLevel Connect",
    ('LogFile "%s/log"'):format(directory),
    user and ("BasicAuth %s %s"):format(user, password) or "", "",
  }, "\n"))
end

--- Start it; with USER it requires that user and PASSWORD.
---@param user? string
---@param password? string
---@return Proxy
function proxy.start(user, password)
  local self = setmetatable({ directory = sh.temporary "proxy" }, Proxy)
  self.server = server.start("tinyproxy", function(port)
    configure(self.directory, port, user, password)
    return { program = find(), args = { "-d", "-c", self.directory .. "/conf" } }
  end)
  self.address = self.server.address
  return self
end

---@return string
function Proxy:log()
  return sh.read(self.directory .. "/log") or ""
end

--- How many requests for TEXT ("CONNECT 127.0.0.1:443", "GET http://...") it has had.
---@param text string
---@return integer
function Proxy:requests(text)
  local _, count = self:log():gsub("Request %([^)]*%): " .. text:gsub("%p", "%%%0"), "")
  return count
end

function Proxy:stop()
  self.server:stop()
  sh.remove(self.directory)
end

return proxy
