--- Engines for specs, real ones, beside the one of with-engine.sh: a Docker Engine that listens at a port of 127.0.0.1, and
--- podman with its service. Needs root.
local run = require "spec.support.run"
local server = require "spec.support.server"
local sh = require "spec.support.sh"

local engines = {}

local support = "spec/support/"

--- Whether this user is root, who alone can have an engine of their own here. For another user it defines a test that shows it.
---@param title string  of the tests that need one
---@return boolean
function engines.by_root(title)
  local user = sh.run "id -u"
  if user ~= "0" then
    describe(title, function()
      it("is tried by root", function() assert.not_equal("0", user) end)
    end)
  end
  return user == "0"
end

---@class EngineAtPort
---@field dir string  with docker.sock, and what certificates.sh makes with `tls`
---@field port integer
---@field host string  for DOCKER_HOST
---@field client string  with `tls`: a directory for DOCKER_CERT_PATH
local AtPort = {}
AtPort.__index = AtPort

--- A directory for DOCKER_CERT_PATH with links to the files named: { ca = "ca.pem", cert = "client.pem", key = "client.key" }.
---@return string
function AtPort:certificates(name, files)
  local dir = self.dir .. "/" .. name
  sh.run { "mkdir", dir }
  for link, file in pairs(files) do
    sh.run { "cp", self.dir .. "/" .. file, ("%s/%s.pem"):format(dir, link) }
  end
  return dir
end

function AtPort:stop()
  sh.run(support .. "engine.sh stop " .. self.dir)
  sh.run("rm -rf " .. self.dir)
end

--- Start a Docker Engine that listens at a port, by TLS alone with { tls = true }. It asks for a layer once.
---@return EngineAtPort
function engines.docker(options)
  local self = setmetatable({ dir = sh.temporary "engine" }, AtPort)
  local tls = options and options.tls
  local check = "curl -sf --noproxy '*' http://127.0.0.1:%d/_ping"
  local arguments = "--host tcp://127.0.0.1:%d --max-download-attempts 1"
  if tls then
    sh.run(support .. "certificates.sh " .. self.dir)
    self.client = self:certificates("client", { ca = "ca.pem", cert = "client.pem", key = "client.key" })
    arguments = arguments .. (" --tlsverify --tlscacert DIR/ca.pem --tlscert DIR/server.pem --tlskey DIR/server.key")
    check = ("curl -sf --noproxy '*' --cacert DIR/ca.pem --cert DIR/client.pem --key DIR/client.key https://127.0.0.1:%d/_ping")
  end
  local function command(text)
    return (text:gsub("DIR", self.dir):format(self.port))
  end
  for attempt = 1, 3 do
    self.port = server.free_port()
    local ok, message = pcall(sh.run, support .. "engine.sh start " .. self.dir .. " " .. command(arguments))
    if ok then break end
    if attempt == 3 then error(message, 0) end
  end
  -- It answers at the socket first.
  sh.wait_for(function() return pcall(sh.run, command(check)) end)
  self.host = "tcp://127.0.0.1:" .. self.port
  return self
end

---@class Podman
---@field dir string
---@field socket string  where its service answers
---@field env table<string, string>  for the program: its own storage
local Podman = {}
Podman.__index = Podman

function Podman:sh(command)
  return sh.run(("env CONTAINERS_CONF=%s CONTAINERS_STORAGE_CONF=%s %s"):format(
    self.env.CONTAINERS_CONF, self.env.CONTAINERS_STORAGE_CONF, command))
end

function Podman:stop()
  self.service:signal "TERM"
  self.service:wait()
  self:sh "podman image rm --all --force >/dev/null"
  sh.run(("awk -v dir=%s/ 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l"):format(self.dir))
  sh.run("rm -rf " .. self.dir)
end

--- podman with a storage of its own, and its service over that.
---@return Podman
function engines.podman()
  local self = setmetatable({ dir = sh.temporary "engine" }, Podman)
  self.socket = self.dir .. "/podman/podman.sock" -- as below XDG_RUNTIME_DIR
  self.env = { CONTAINERS_CONF = self.dir .. "/containers.conf", CONTAINERS_STORAGE_CONF = self.dir .. "/storage.conf" }
  sh.write(self.env.CONTAINERS_STORAGE_CONF,
    ('[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/graph"\n'):format(self.dir, self.dir))
  -- Neither systemd nor private control groups are available everywhere.
  sh.write(self.env.CONTAINERS_CONF, ('[engine]\nruntime = "%s"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    .. 'tmp_dir = "%s/tmp"\n[containers]\ncgroups = "disabled"\n'):format(
    sh.run "basename $(command -v crun || command -v runc)", self.dir))
  sh.run("mkdir " .. self.dir .. "/podman")
  -- For each of its clients the service asks dpkg which packages its programs are from, which takes longer than the client.
  sh.write(self.dir .. "/bin/dpkg-query", "#!/bin/sh\nexit 1\n")
  sh.run("chmod +x " .. self.dir .. "/bin/dpkg-query")
  local env = { PATH = self.dir .. "/bin:" .. os.getenv "PATH" }
  for name, value in pairs(self.env) do env[name] = value end
  self.service = run.start {
    program = "podman", args = { "system", "service", "--time=0", "unix://" .. self.socket }, env = env, setsid = true,
  }
  sh.wait_for(function()
    return pcall(sh.run, "curl -sf --unix-socket " .. self.socket .. " http://podman/_ping")
  end)
  return self
end

return engines
