--- The places of trials: each has its own engine and cache, all share a forge; and what a run leaves there.
local cjson = require "cjson"
local sh = require "spec.support.sh"

local place = {}

--- What is run. `kept`: the cache holds what the build of an earlier commit left; `classic`: the docker client without BuildKit;
--- `errors`: with how many of the errors that fit a call is tried, all when absent; `alike`: how many calls that are alike are
--- tried, all when absent; `new`: only calls that no scenario before has; `allocations`: how many of them.
place.scenarios = {
  { name = "hit", runtime = "hermes", hit = true, allocations = 600 },
  { name = "cold", runtime = "codex", errors = 2, alike = 4, allocations = 160 },
  { name = "hit-https", runtime = "hermes", hit = true, https = true, new = true, allocations = 160 },
  { name = "moved", runtime = "crewai", kept = true, classic = true, errors = 1, new = true, allocations = 20 },
}

--- These are shorter than the policy's, so that a run that hangs is distinguished from one within its bounds.
place.bounds = { MOLECULE_BUILD_STALL_GRACE_S = "15", MOLECULE_BUILD_CEILING_S = "30" }
place.longest = 45 -- seconds that a run may take: the ceiling, the grace of ten seconds at its end, and a little
local LIMIT = 60 -- after which it is killed

---@return table
function place.scenario(name)
  for _, scenario in ipairs(place.scenarios) do
    if scenario.name == name then return scenario end
  end
  error("no scenario " .. name)
end

---@class Place
---@field world string  the directory that tools/faults.sh has made: forge/, engine-N/, kept/, heads
---@field dir string  for this place alone
local Place = {}
Place.__index = Place

local function port(world, name)
  return (assert(sh.read(world .. "/forge/ports")):match("%f[%w-]" .. name .. " (%d+)"))
end

--- The NUMBER-th place of a world.
---@return Place
function place.open(world, number, program, build)
  local self = setmetatable({ world = world, program = program, build = build }, Place)
  self.dir = ("%s/place-%d"):format(world, number)
  self.socket = ("%s/engine-%d/docker.sock"):format(world, number)
  self.cache = self.dir .. "/cache"
  self.heads = {}
  for runtime, sha in (sh.read(world .. "/heads") or ""):gmatch "(%S+) (%x+)" do self.heads[runtime] = sha end
  self.aslr = sh.try "setarch -R true" and "setarch -R" or ""
  sh.run { "mkdir", "-p", self.dir .. "/home" }
  return self
end

function Place:tag(runtime)
  return ("molecule-local/workspace-template-%s:%s"):format(runtime, self.heads[runtime]:sub(1, 12))
end

--- The environment of a run, as words for env.
function Place:environment(scenario, mark)
  local scheme = scenario.https and "https" or "http"
  local words = {
    "PATH=" .. self.world .. (scenario.classic and "/classic:" or "/buildkit:") .. os.getenv "PATH",
    "HOME=" .. self.dir .. "/home", "LANG=C.UTF-8", "DOCKER_HOST=unix://" .. self.socket,
    "MOLECULE_LOCAL_BUILD_CACHE=" .. self.cache,
    ("MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX=%s://127.0.0.1:%s/org/t-"):format(scheme, port(self.world, scheme)),
    "FAULTS_MARK=" .. mark,
  }
  if scenario.https then words[#words + 1] = "SSL_CERT_FILE=" .. self.world .. "/forge/tls/ca.pem" end
  for name, value in pairs(place.bounds) do words[#words + 1] = name .. "=" .. value end
  return words
end

--- The words that run molbuild under a tracer or not, with FAULTY the settings of core/test/faulty.c.
local function runner(self, options)
  local words, faulty = { self.aslr }, { "LD_PRELOAD=" .. self.build .. "/test/faulty.so" }
  for name, value in pairs(options.faulty or {}) do faulty[#faulty + 1] = ("FAULTY_%s=%s"):format(name, value) end
  if options.trace then
    table.insert(words, "strace -y -o " .. sh.quote(self.dir .. "/trace") .. " " .. options.trace)
    for _, setting in ipairs(faulty) do table.insert(words, "-E " .. sh.quote(setting)) end
  elseif options.faulty then
    table.insert(words, "env " .. sh.join(faulty))
  end
  return table.concat(words, " ")
end

--- Run molbuild for a scenario: { status, seconds, stdout, stderr }. options: trace (strace's options), faulty (settings).
---@param mark string  by which its processes are found
function Place:run(scenario, mark, options)
  local base = self.dir .. "/" .. (options.name or "run")
  local began = sh.now()
  local line = ("env -i %s timeout -s KILL %d %s %s run --progress=plain scripts/ensure.lua %s >%s 2>%s </dev/null"):format(
    sh.join(self:environment(scenario, mark)), LIMIT, runner(self, options), sh.quote(self.program), scenario.runtime,
    sh.quote(base .. ".out"), sh.quote(base .. ".err"))
  local _, how, status = os.execute(line)
  return {
    status = how == "signal" and 128 + status or status, seconds = sh.now() - began,
    stdout = sh.read(base .. ".out") or "", stderr = sh.read(base .. ".err") or "",
  }
end

--- Ask the engine, by curl: the body.
function Place:engine(options, paths)
  local urls = {}
  for index, path in ipairs(paths) do urls[index] = sh.quote("http://engine" .. path) end
  local pipe = assert(io.popen(("curl -s --globoff --noproxy '*' --max-time 30 --unix-socket %s %s %s"):format(
    sh.quote(self.socket), options, table.concat(urls, " "))))
  local body = pipe:read "a"
  pipe:close()
  return body
end

--- The image under the runtime's tag, nil when there is none.
function Place:image(runtime)
  local image = cjson.decode(self:engine("", { "/images/" .. self:tag(runtime) .. "/json" }))
  return image.Id and image or nil
end

--- Everything as it is before a run of the scenario.
function Place:prepare(scenario)
  if scenario.hit then
    if sh.try { "test", "-e", self.cache } then sh.remove(self.cache) end
    return
  end
  local name = "/images/molecule-local/workspace-template-" .. scenario.runtime
  self:engine("-X DELETE -o /dev/null -o /dev/null", {
    "/images/" .. self:tag(scenario.runtime) .. "?force=1", name .. ":latest?force=1",
  })
  if sh.try { "test", "-e", self.cache } then sh.remove(self.cache) end
  if scenario.kept then sh.run { "cp", "-a", self.world .. "/kept", self.cache } end
end

--- The processes that have MARK in their environment; zombies have none.
function Place.processes(mark)
  local pipe = assert(io.popen(("grep -lFs 'FAULTS_MARK=%s' /proc/[0-9]*/environ"):format(mark)))
  local pids = {}
  for line in pipe:lines() do
    local pid = line:match "%d+"
    if not (sh.read("/proc/" .. pid .. "/status") or "State:\tZ"):find "State:\tZ" then pids[#pids + 1] = pid end
  end
  pipe:close()
  return pids
end

function Place:containers()
  return #cjson.decode(self:engine("", { "/containers/json?all=1" }))
end

function Place:staging()
  local pipe = assert(io.popen("ls -A " .. sh.quote(self.cache .. "/tmp") .. " 2>/dev/null"))
  local names = pipe:read "a"
  pipe:close()
  return (names:gsub("%s+", " "))
end

function Place:lock_is_held(runtime)
  local file = ("%s/locks/%s.lock"):format(self.cache, runtime)
  return sh.read(file) ~= nil and not sh.try { "flock", "-n", file, "true" }
end

return place
