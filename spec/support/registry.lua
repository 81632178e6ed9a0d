--- A real registry of images at a port of 127.0.0.1, which requires a password (docker-registry).
local server = require "spec.support.server"
local sh = require "spec.support.sh"

---@class Registry
---@field address string  "127.0.0.1:PORT"
---@field auth string  a file with the credentials, config.json of docker's; its directory is one for DOCKER_CONFIG
---@field front Server?  nginx, which has the address then
local Registry = {}
Registry.__index = Registry

local registry = {}

-- "open-sesame", by bcrypt.
local PASSWORD = "$2b$04$kJPAC0fM6OUrXDGgyJ3xROLEhI3Z7ss0AJGoW5AB5xpntFG8RMNcq"

local USERS = { "spec", "reader", "slow", "unlucky" }

local CONFIG = [[
version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: %s/data } }
http: { addr: 127.0.0.1:%d, relativeurls: true }
]]

local AUTH = "auth: { htpasswd: { realm: spec, path: %s/htpasswd } }\n"

-- The front: TLS. The connections of "unlucky" are closed at the first blob, "slow" gets a byte of each blob per second, and
-- "reader" may not write.
local FRONT = [[
daemon off; worker_processes 1; pid %s/nginx.pid; error_log %s/error.log;
events { }
http {
	access_log off; client_max_body_size 0; proxy_request_buffering off;
	client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;
	map "$remote_user $request_method $uri" $ends {
		default "";
		"~^reader (POST|PUT|PATCH|DELETE) " denied;
		"~^unlucky (GET .*/blobs/|PUT |PATCH )" gone;
	}
	map "$remote_user $request_method $uri" $rate {
		default 0;
		"~^slow GET .*/blobs/" 1;
	}
	server {
		limit_rate $rate;
		listen 127.0.0.1:%d ssl;
		ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;
		default_type application/json;
		if ($ends = denied) {
			return 403 '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}';
		}
		if ($ends = gone) { return 444; }
		location / { proxy_pass http://%s; proxy_set_header Host $http_host; }
	}
}
]]

local function start_front(self, certificates)
  local dir = self.dir
  self.front = server.start("nginx", function(port)
    sh.write(dir .. "/nginx.conf", FRONT:format(dir, dir, dir, dir, dir, dir, dir, port, certificates, certificates, self.address))
    return {
      program = sh.run "PATH=$PATH:/usr/sbin:/usr/local/sbin command -v nginx",
      args = { "-p", dir, "-e", dir .. "/error.log", "-c", dir .. "/nginx.conf" },
    }
  end)
  self.address = self.front.address
end

--- A directory for DOCKER_CONFIG with the credentials of a user: spec, or one of FRONT: reader (may not write), slow, unlucky.
---@param user string
---@param address string?  where it is reached, when that is not its own address
---@return string
function Registry:login(user, address)
  local dir = user == "spec" and self.dir .. "/login" or self.dir .. "/login-" .. user
  sh.write(dir .. "/config.json", ('{"auths":{"%s":{"auth":"%s"}}}'):format(address or self.address,
    sh.run(("printf %s:open-sesame | openssl base64 -A"):format(user))))
  return dir
end

--- Start one. With `tls`, a directory with server.pem and server.key, nginx is in front of it; `disk` bounds its disk ("64k"); an
--- `open` one asks for no password.
---@param options { tls: string?, disk: string?, open: boolean? }?
---@return Registry
function registry.start(options)
  local self = setmetatable({ dir = sh.temporary "registry" }, Registry)
  local tls, disk = options and options.tls, options and options.disk
  sh.write(self.dir .. "/htpasswd", table.concat(USERS, ":" .. PASSWORD .. "\n") .. ":" .. PASSWORD .. "\n")
  sh.run { "mkdir", self.dir .. "/data" }
  if disk then
    sh.run { "mount", "-t", "tmpfs", "-o", "size=" .. disk, "registry", self.dir .. "/data" }
    self.mounted = true
  end
  self.server = server.start("docker-registry", function(port)
    sh.write(self.dir .. "/config.yml", CONFIG:format(self.dir, port) .. (options and options.open and "" or AUTH:format(self.dir)))
    return { program = "docker-registry", args = { "serve", self.dir .. "/config.yml" } }
  end)
  self.address = self.server.address
  if tls then start_front(self, tls) end
  self.auth = self:login "spec" .. "/config.json"
  return self
end

function Registry:stop()
  if self.front then self.front:stop() end
  self.server:stop()
  if self.mounted then sh.run { "umount", "-l", self.dir .. "/data" } end
  sh.remove(self.dir)
end

return registry
