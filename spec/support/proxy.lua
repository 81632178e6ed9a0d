--- A forward proxy: tinyproxy on a free port of 127.0.0.1, which takes every request and CONNECT, or only those of one user.
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

--- Start it; with USER it wants that user and PASSWORD.
---@param user? string
---@param password? string
---@return Proxy
function proxy.start(user, password)
  local self = setmetatable({ directory = sh.temporary "proxy" }, Proxy)
  -- It gives up when the port is taken: another one is tried.
  for _ = 1, 10 do
    local port = 20000 + tonumber(sh.run "od -An -N2 -tu2 /dev/urandom") % 12000
    configure(self.directory, port, user, password)
    self.pipe = assert(io.popen(("echo $$ && exec %s -d -c %s >%s 2>&1 </dev/null"):format(
      find(), sh.quote(self.directory .. "/conf"), sh.quote(self.directory .. "/out"))))
    self.pid = self.pipe:read "n"
    self.address = "127.0.0.1:" .. port
    local ready = pcall(sh.wait_until, 10, "tinyproxy", function()
      local answers = sh.try { "curl", "-sS", "--max-time", "5", "--noproxy", "*", "http://" .. self.address .. "/" }
      -- Asked after that: another process that has the port answers, too.
      if not sh.try { "kill", "-0", self.pid } then error "it has ended" end
      return answers
    end)
    if ready then return self end
    self.pipe:close()
  end
  error("tinyproxy does not start: " .. (sh.read(self.directory .. "/out") or ""))
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
  sh.try { "kill", "-TERM", self.pid }
  self.pipe:close()
  sh.remove(self.directory)
end

return proxy
