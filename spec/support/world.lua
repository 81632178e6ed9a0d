--- The world of an integration spec, real in all its parts: a forge, template repositories, an engine, and molbuild
--- run as a user runs it.
local core = require "molbuild.core"
local docker = require "spec.support.docker"
local forge = require "spec.support.forge"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local world = {}

local support = "spec/support/"

---@class World
---@field dir string  all that belongs to it
---@field home string
---@field cache string
---@field forge string?  the forge's directory; see forge.sh
---@field shared string  see shared.sh
---@field http string?  the beginning of its URLs; there are also https, old, and ones for bad certificates
local methods = {}
methods.__index = methods

--- The directory of what all worlds share. A run of tests has one; a spec that is run alone makes its own.
local function shared_in(dir)
  local shared = os.getenv "TEST_SHARED"
  if not shared then
    shared = dir .. "/shared"
    sh.run { support .. "shared.sh", shared }
  end
  return shared
end

--- A new world. With { forge = false } no forge is started. Its runs that name no PATH build by BuildKit, where a client has it:
--- the classic builder costs four times the processor time. With { builder = "classic" } they use the first client on PATH.
--- BuildKit has the steps of all former builds in its cache: a step that must be carried out has something new in it.
function world.new(options)
  local self = setmetatable({ dir = sh.temporary "world", runs = {}, builder = options and options.builder or "buildkit" }, methods)
  self.home = self.dir .. "/home"
  self.cache = self.dir .. "/cache"
  self.shared = shared_in(self.dir)
  assert(core.fs.mkdirp(self.home))
  if not options or options.forge ~= false then
    self.forge = forge.take(self.shared)
    for name, port in sh.read(self.forge .. "/ports"):gmatch "(%S+) (%d+)" do
      self[name] = (name:find "^http$" or name == "old-git") and "http://127.0.0.1:" .. port or "https://127.0.0.1:" .. port
    end
    self.old = self["old-git"]
    self.ca = self.forge .. "/tls/ca.pem"
    self.token = sh.read(self.forge .. "/token"):gsub("\n", "")
  end
  return self
end

function methods:close()
  for _, running in ipairs(self.runs) do running:close() end
  if self.forge then forge.release(self.forge, self.delays) end
  sh.remove(self.dir)
end

--- The files of a template that builds quickly: an image without a layer. Each layer costs the engine two processes.
function world.template_files(says)
  return { Dockerfile = ("FROM scratch\nENV SAYS=%q\n"):format(says), says = says .. "\n" }
end

--- The files of a template whose image runs: a static busybox that prints SAYS, in /bin. It is a large file, too.
function world.program_files(says)
  return {
    Dockerfile = 'FROM scratch\nCOPY busybox says /bin/\nCMD ["/bin/busybox", "cat", "/bin/says"]\n',
    says = says .. "\n",
  }
end

--- The work tree of the template repository ORG/t-RUNTIME, and its repository, which the forge serves. It is made when it is
--- missing.
local function repository(self, org, runtime)
  local work = ("%s/work/%s/t-%s"):format(self.dir, org, runtime)
  local git_dir = ("%s/repos/%s/t-%s.git"):format(self.forge or self.dir, org, runtime)
  if not sh.read(git_dir .. "/HEAD") then
    sh.run(("rm -rf %s && mkdir -p %s %s && git init -q -b main --template=%s/template --separate-git-dir=%s %s"):format(
      sh.quote(work), sh.quote(work), sh.quote(git_dir:match "^(.+)/"), self.shared, sh.quote(git_dir), sh.quote(work)))
  end
  return work, git_dir
end

--- Commit FILES (name = content) on BRANCH of the template repository ORG/t-RUNTIME, made when it is missing.
--- A template that names busybox has it. BEFORE is a shell command run in the work tree before the commit. Gives the commit's id.
---@param org string
---@param runtime string
---@param files table<string, string>
---@param branch string?  main when absent
---@param before string?
---@return string sha
function methods:commit(org, runtime, files, branch, before)
  local work, git_dir = repository(self, org, runtime)
  local function is_on(name) return sh.read(git_dir .. "/HEAD") == ("ref: refs/heads/%s\n"):format(name) end
  branch = branch or "main"
  if not is_on(branch) then
    sh.run(("cd %s && { git checkout -q %s 2>/dev/null || git checkout -q -b %s; }"):format(sh.quote(work), branch, branch))
  end
  local setup = before or ":"
  local wants_busybox = setup:find("busybox", 1, true)
  for name, content in pairs(files) do
    sh.write(work .. "/" .. name, content)
    wants_busybox = wants_busybox or content:find("busybox", 1, true)
  end
  if wants_busybox then setup = "cp /bin/busybox busybox\n" .. setup end
  sh.run(("cd %s && { %s\n} && git add -A && git -c user.name=spec -c user.email=spec@localhost commit -q --allow-empty -m spec")
    :format(sh.quote(work), setup))
  -- What git rev-parse HEAD would say.
  local sha = sh.read(("%s/%s"):format(git_dir, sh.read(git_dir .. "/HEAD"):match "^ref: (%S+)")):match "%x+"
  if not is_on "main" then sh.run(("cd %s && { git checkout -q main 2>/dev/null || :; }"):format(sh.quote(work))) end
  return sha
end

-- The path of a docker client that builds by that builder: one that has BuildKit, or the first one on PATH. nil when there is none.
local function client_for(self, builder)
  for line in sh.read(self.shared .. "/clients"):gmatch "[^\n]+" do
    local path, version, buildx = line:match "^(%S+)\t(%d+)%S*\t(%a+)$"
    if builder == "classic" or buildx == "yes" or tonumber(version) < 23 then return path end
  end
end

--- The options of run.start() for molbuild in this world: MORE, with ENV on top of what every run here has.
local function options(self, arguments, env, more)
  local all = {
    MOLECULE_LOCAL_BUILD_CACHE = self.cache,
    MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = self.http and self.http .. "/org/t-" or nil,
  }
  for name, value in pairs(env or {}) do all[name] = value end
  if all.PATH == nil and self.builder ~= "classic" then
    self.path = self.path or client_for(self, self.builder) and self:client(self.builder) or os.getenv "PATH"
    all.PATH = self.path
  end
  local own = { args = arguments, env = all, home = self.home, directory = self.dir }
  for name, value in pairs(more or {}) do own[name] = value end
  return own
end

--- The shell's command that runs molbuild in this world.
---@param arguments string[]
---@param env table?  on top of what every run here has; false takes a variable away
---@param more table?  options of run.command()
---@return string
function methods:command(arguments, env, more)
  return run.command(options(self, arguments, env, more))
end

--- Start molbuild in the background.
---@param arguments string[]
---@param env table?  on top of what every run here has; false takes a variable away
---@param more table?  options of run.start()
---@return Running
function methods:start(arguments, env, more)
  local running = run.start(options(self, arguments, env, more))
  table.insert(self.runs, running)
  return running
end

--- Run molbuild to its end: { status, signal, stdout, stderr }.
function methods:run(arguments, env, more)
  return self:start(arguments, env, more):wait()
end

--- Run the shipped policy for RUNTIMES.
function methods:ensure(runtimes, env)
  return self:run({ "run", "ensure.lua", table.unpack(type(runtimes) == "table" and runtimes or { runtimes }) }, env)
end

-- The shipped policy, without the engine.
local FETCH = [[
local ensure = require("molbuild").load "ensure.lua"
function ensure.cached() return false end
function ensure.build() end
function ensure.prove() end
function ensure.alias() end
]]

-- And without what is asked of it while git fetches: that starts four programs for each run.
local ASK_NOTHING = [[
local preflight = ensure.preflight
function ensure.preflight(job)
  function job.engine.builder() return "classic" end
  return preflight(job)
end
function ensure.engine_platform() return "linux/amd64" end
]]

--- The path of a policy that is the shipped one without its build, where what is fetched is all that counts. With ASKS, it asks
--- for the engine's builder and platform.
function methods:fetch_policy(asks)
  sh.write(self.dir .. "/fetch.lua", FETCH .. (asks and "" or ASK_NOTHING) .. "return ensure\n")
  return self.dir .. "/fetch.lua"
end

--- Start it.
---@return Running
function methods:start_fetch(runtime, env, more)
  return self:start({ "run", self:fetch_policy(), runtime }, env, more)
end

--- Run it to its end.
function methods:fetch(runtime, env, more)
  return self:start_fetch(runtime, env, more):wait()
end

-- The shipped policy, with a clone that no bound ends.
local BUILD_BOUND = [[
local ensure = require("molbuild").load "ensure.lua"
local clone = ensure.clone
function ensure.clone(job)
  local stall, ceiling = job.stall, job.ceiling
  job.stall, job.ceiling = math.huge, math.huge
  local written = clone(job)
  job.stall, job.ceiling = stall, ceiling
  return written
end
return ensure
]]

--- Run a policy that is the shipped one where the bounds in ENV are those of the build alone: a busy machine may need longer for a
--- clone. A build that has no end is ended by any bound.
---@param runtime string
---@param env table
function methods:bound_build(runtime, env)
  sh.write(self.dir .. "/bound.lua", BUILD_BOUND)
  return self:run({ "run", self.dir .. "/bound.lua", runtime }, env)
end

--- The lines of the forge's log that hold TEXT.
function methods:requests(text)
  local lines = {}
  for line in (sh.read(self.forge .. "/log/access.log") or ""):gmatch "[^\n]+" do
    if line:find(text, 1, true) then
      lines[#lines + 1] = line
    end
  end
  return lines
end

--- Make the branch API answer STATUS and BODY for main of org/t-RUNTIME (claude-code when absent). The first COUNT
--- requests get it, all when absent; HEADERS are lines to add, each ended by CR LF.
function methods:answer(status, body, runtime, count, headers)
  self:respond(("/api/v1/repos/org/t-%s/branches/main"):format(runtime or "claude-code"),
    ("Status: %d\r\nContent-Type: application/json\r\n%s\r\n%s"):format(status, headers or "", body), count)
end

--- Make the forge send RESPONSE, a CGI answer, to requests of PATH: to the first COUNT, to all when absent.
function methods:respond(path, response, count)
  local canned = self.forge .. "/canned" .. path
  assert(core.fs.remove_tree(canned))
  sh.write(canned .. "/response", response)
  if count then
    sh.write(canned .. "/counted", tostring(count))
    for number = 1, count do
      sh.write(("%s/left.%d"):format(canned, number), "")
    end
  end
end

--- Let the forge answer requests of PATH by itself again.
function methods:relent(path)
  assert(core.fs.remove_tree(self.forge .. "/canned" .. path))
end

--- Make the forge wait SECONDS, as `sleep` takes them, before it answers requests of PATH.
function methods:delay(path, seconds)
  local canned = self.forge .. "/canned" .. path
  sh.write(canned .. "/delay", seconds)
  self.delays = true
end

--- Put a program `docker` into a directory of its own, and give a PATH that has it first. For the builder "buildkit" it is
--- a client that has BuildKit, for "classic" the first one on PATH. With LOG, the build's client is started by a shell
--- that writes there which signals it hears.
function methods:client(builder, log)
  local chosen = client_for(self, builder) or error("no docker client for " .. builder .. " is installed", 2)
  local bin = sh.run(("mktemp -d %s/bin.XXXXXX"):format(self.dir))
  if log then
    sh.write(bin .. "/docker", ([[
#!/bin/sh
[ "$1" = build ] || exec %s "$@"
trap 'echo INT >>%s' INT
trap 'echo TERM >>%s' TERM
env --default-signal=INT %s "$@" &
while kill -0 $! 2>/dev/null; do wait $!; status=$?; done
exit $status
]]):format(chosen, log, log, chosen))
    sh.run("chmod +x " .. bin .. "/docker")
  else
    sh.run(("ln -s %s %s/docker"):format(chosen, bin))
  end
  return bin .. ":" .. os.getenv "PATH"
end

--- Between two tests in one world: another cache, no images, and a forge that has been asked nothing.
function methods:again()
  self.caches = (self.caches or 0) + 1
  self.cache = ("%s/cache-%d"):format(self.dir, self.caches)
  world.remove_images()
  sh.run("rm -rf " .. self.forge .. "/canned/* && : >" .. self.forge .. "/log/access.log")
end

--- Forget every image of molbuild's in the engine.
function world.remove_images()
  docker.remove "molecule-local/*"
end

return world
