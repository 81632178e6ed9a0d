--- Hosts for specs: network namespaces with an address and a Docker Engine each, on a bridge of their own. Servers of this machine
--- reach them through a gate, an nginx at the bridge's address. Needs root.
local server = require "spec.support.server"
local sh = require "spec.support.sh"

local hosts = {}

---@class Host
---@field engine string  for DOCKER_HOST
---@field prefix string[]  the words before a command that runs there
---@field address string

---@class Hosts
---@field address string  of this machine, as they see it
---@field list Host[]
local Hosts = {}
Hosts.__index = Hosts

local function ip(line, ...)
  return sh.run("PATH=$PATH:/usr/sbin:/sbin ip " .. line:format(...))
end

-- A network of 198.18.0.0/15, which is for tests, that nothing here has yet.
local function bridge(name)
  ip("link add %s type bridge", name)
  for _ = 1, 20 do
    local net = ("198.%d.%d"):format(math.random(18, 19), math.random(0, 255))
    if not ip "-o -4 addr":find(net .. ".", 1, true) then
      ip("addr add %s.1/24 dev %s", net, name)
      ip("link set %s up", name)
      return net
    end
  end
  error "no network is free"
end

local function start_host(self, number)
  local name, dir = ("%s-%d"):format(self.name, number), sh.temporary "host"
  ip("netns add %s", name)
  local host = { namespace = name, dir = dir, address = ("%s.%d"):format(self.net, number + 1) }
  self.list[number] = host
  ip("link add %sh%d type veth peer name eth0 netns %s", self.name, number, name)
  ip("link set %sh%d master %s up", self.name, number, self.name)
  ip("-n %s addr add %s/24 dev eth0", name, host.address)
  for _, device in ipairs { "lo", "eth0" } do ip("-n %s link set %s up", name, device) end
  host.prefix = { "/usr/bin/nsenter", "--net=/run/netns/" .. name } -- ip netns exec hides the control groups
  -- With an option of its own the engine is in the network of the one that starts it.
  sh.run(sh.join(host.prefix) .. (" spec/support/engine.sh start %s --insecure-registry %s.0/24 --max-download-attempts 1")
    :format(dir, self.net))
  host.engine = ("unix://%s/docker.sock"):format(dir)
end

--- Start some.
---@param count integer
---@return Hosts
function hosts.start(count)
  local self = setmetatable({ list = {}, name = "mb" .. sh.run "echo $PPID" }, Hosts)
  self.net = bridge(self.name)
  self.address = self.net .. ".1"
  for number = 1, count do
    local ok, message = pcall(start_host, self, number)
    if not ok then
      self:stop()
      error(message, 0)
    end
  end
  return self
end

local GATE = [[
daemon off; worker_processes 1; pid DIR/nginx.pid; error_log DIR/error.log;
events { }
http {
	access_log off; client_max_body_size 0; proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1;
	client_body_temp_path DIR/b; proxy_temp_path DIR/p; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
	server {
		listen 127.0.0.1:PORT TLS; listen ADDRESS:PORT TLS; CERTIFICATE
		location / { proxy_pass http://TARGET; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; }
	}
}
]]

--- Let the hosts reach a server of this machine.
---@param target string  "127.0.0.1:PORT"
---@param certificates string?  a directory with server.pem and server.key: by TLS
---@return string address  as the hosts see it, with its port
function Hosts:gate(target, certificates)
  local dir = sh.temporary "gate"
  local gate = server.start("nginx", function(port)
    local values = {
      DIR = dir, PORT = port, ADDRESS = self.address, TARGET = target, TLS = certificates and "ssl" or "",
      CERTIFICATE = certificates and ("ssl_certificate %s/server.pem; ssl_certificate_key %s/server.key;"):format(
        certificates, certificates) or "",
    }
    sh.write(dir .. "/nginx.conf", (GATE:gsub("%u+", values)))
    return {
      program = sh.run "PATH=$PATH:/usr/sbin:/usr/local/sbin command -v nginx",
      args = { "-p", dir, "-e", dir .. "/error.log", "-c", dir .. "/nginx.conf" },
    }
  end)
  self.gates = self.gates or {}
  table.insert(self.gates, { gate = gate, dir = dir })
  return ("%s:%d"):format(self.address, gate.port)
end

function Hosts:stop()
  for _, host in ipairs(self.list) do
    sh.run { "spec/support/engine.sh", "stop", host.dir }
    ip("netns del %s", host.namespace) -- and the devices in it
    sh.remove(host.dir)
  end
  for _, each in ipairs(self.gates or {}) do
    each.gate:stop()
    sh.remove(each.dir)
  end
  ip("link del %s", self.name)
end

return hosts
