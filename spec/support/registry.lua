--- A real registry of images at a port of 127.0.0.1, which requires a password (docker-registry).
local server = require "spec.support.server"
local sh = require "spec.support.sh"

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
  local self = setmetatable({ dir = sh.temporary "registry" }, Registry)
  sh.write(self.dir .. "/htpasswd", HTPASSWD)
  self.server = server.start("docker-registry", function(port)
    sh.write(self.dir .. "/config.yml", CONFIG:format(self.dir, port, self.dir))
    return { program = "docker-registry", args = { "serve", self.dir .. "/config.yml" } }
  end)
  self.address = self.server.address
  self.auth = self.dir .. "/login/config.json"
  sh.write(self.auth, ('{"auths":{"%s":{"auth":"%s"}}}'):format(self.address,
    sh.run "printf spec:open-sesame | openssl base64 -A"))
  return self
end

function Registry:stop()
  self.server:stop()
  sh.remove(self.dir)
end

return registry
