--- A real registry of images at a port of 127.0.0.1, which wants a password (docker-registry).
local world = require "spec.support.world"

---@class Registry
---@field address string  "127.0.0.1:PORT"
---@field auth string  a file with the credentials, config.json of docker's; its directory is one for DOCKER_CONFIG
local Registry = {}
Registry.__index = Registry

local registry = {}

-- "spec", "open-sesame", by bcrypt.
local HTPASSWD = "spec:$2b$04$kJPAC0fM6OUrXDGgyJ3xROLEhI3Z7ss0AJGoW5AB5xpntFG8RMNcq\n"

local CONFIG = [[
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: %s/data } }
http: { addr: 127.0.0.1:%d }
auth: { htpasswd: { realm: spec, path: %s/htpasswd } }
]]

---@return Registry
function registry.start()
  local self = setmetatable({ dir = world.sh "mktemp -d" }, Registry)
  world.write(self.dir .. "/htpasswd", HTPASSWD)
  for attempt = 1, 5 do
    local port = math.random(20000, 31999)
    self.address = "127.0.0.1:" .. port
    world.write(self.dir .. "/config.yml", CONFIG:format(self.dir, port, self.dir))
    self.pid = tonumber(world.sh(("setsid docker-registry serve %s/config.yml >%s/log 2>&1 </dev/null & echo $!")
      :format(self.dir, self.dir)))
    local answers = pcall(world.wait_for, function()
      return pcall(world.sh, ("curl -s --noproxy '*' -o /dev/null http://%s/v2/ && kill -0 %d"):format(self.address, self.pid))
    end, 15)
    if answers then break end
    world.sh(("kill %d 2>/dev/null; true"):format(self.pid))
    assert(attempt < 5, "docker-registry does not start: " .. (world.read(self.dir .. "/log") or ""))
  end
  self.auth = self.dir .. "/login/config.json"
  world.sh("mkdir " .. self.dir .. "/login")
  world.write(self.auth, ('{"auths":{"%s":{"auth":"%s"}}}'):format(self.address,
    world.sh "printf spec:open-sesame | openssl base64 -A"))
  return self
end

function Registry:stop()
  world.sh(("kill %d; rm -rf %s"):format(self.pid, self.dir))
end

return registry
