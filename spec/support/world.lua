--- The world of an integration spec, real in all its parts: a forge, template repositories, an engine, and molbuild
--- run as a user runs it.
local world = {}

local support = "spec/support/"

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function read(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local data = file:read "a"
  file:close()
  return data
end

local function write(path, data)
  local file = assert(io.open(path, "wb"))
  file:write(data)
  file:close()
end

world.quote, world.read, world.write = quote, read, write

--- Run a shell command; gives its stdout without the last newline, and raises when it fails.
function world.sh(command)
  local pipe = assert(io.popen("{ " .. command .. "\n} 2>&1", "r"))
  local out = pipe:read "a"
  local ok, _, status = pipe:close()
  if not ok then
    error(("%s: status %s\n%s"):format(command, status, out), 2)
  end
  return (out:gsub("\n$", ""))
end

local methods = {}
methods.__index = methods

--- A new world. With { forge = false } no forge is started.
function world.new(options)
  local self = setmetatable({}, methods)
  self.dir = world.sh "mktemp -d"
  self.home = self.dir .. "/home"
  self.cache = self.dir .. "/cache"
  world.sh("mkdir -p " .. self.home)
  if not options or options.forge ~= false then
    self.forge = self.dir .. "/forge"
    world.sh(support .. "forge.sh start " .. self.forge)
    for name, port in read(self.forge .. "/ports"):gmatch "(%S+) (%d+)" do
      self[name] = (name:find "^http$" or name == "old-git") and "http://127.0.0.1:" .. port or "https://127.0.0.1:" .. port
    end
    self.old = self["old-git"]
    self.ca = self.forge .. "/tls/ca.pem"
    self.token = read(self.forge .. "/token"):gsub("\n", "")
  end
  return self
end

function methods:close()
  if self.forge then
    world.sh(support .. "forge.sh stop " .. self.forge)
  end
  world.sh("chmod -R u+rwX " .. self.dir .. "; rm -rf " .. self.dir)
end

--- The files of a template that builds quickly: a static busybox that says SAYS.
function world.template_files(says)
  return {
    Dockerfile = table.concat({
      "FROM scratch", "COPY busybox /bin/busybox", "COPY says /says",
      'CMD ["/bin/busybox", "cat", "/says"]', "",
    }, "\n"),
    says = says .. "\n",
  }
end

--- Commit FILES (name = content) on BRANCH of the template repository ORG/t-RUNTIME, made when it is missing, and publish it.
--- BEFORE is a shell command run in the work tree before the commit. Gives the commit's id.
function methods:commit(org, runtime, files, branch, before)
  branch = branch or "main"
  local work = ("%s/work/%s/t-%s"):format(self.dir, org, runtime)
  local bare = ("%s/repos/%s/t-%s.git"):format(self.forge or self.dir, org, runtime)
  local git = "git -C " .. quote(work) .. " -c user.name=spec -c user.email=spec@localhost "
  if not read(work .. "/.git/HEAD") then
    world.sh(("mkdir -p %s && git init -q -b main %s && git init -q --bare -b main %s")
      :format(quote(work), quote(work), quote(bare)))
  end
  world.sh(git .. "checkout -q " .. branch .. " 2>/dev/null || " .. git .. "checkout -q -b " .. branch)
  world.sh(("cp /bin/busybox %s/busybox"):format(quote(work)))
  for name, content in pairs(files) do
    write(work .. "/" .. name, content)
  end
  if before then
    world.sh("cd " .. quote(work) .. " && " .. before)
  end
  world.sh(git .. "add -A && " .. git .. "commit -q --allow-empty -m spec")
  world.sh(git .. "push -q -f " .. quote(bare) .. " " .. branch)
  return world.sh(git .. "rev-parse HEAD")
end

--- The environment of a run: nothing of ours but what a user has, and ENV on top. false takes a variable out.
function methods:environment(env)
  local all = {
    PATH = os.getenv "PATH",
    HOME = self.home,
    LANG = "C.UTF-8",
    DOCKER_HOST = os.getenv "DOCKER_HOST",
    MOLECULE_LOCAL_BUILD_CACHE = self.cache,
    MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = self.http and self.http .. "/org/t-" or nil,
    ASAN_OPTIONS = os.getenv "ASAN_OPTIONS",
  }
  for name, value in pairs(env or {}) do
    all[name] = value or nil
  end
  -- A shell starts what it runs in the background with SIGINT ignored.
  local words = { "env", "-i", "--default-signal=INT,QUIT" }
  for name, value in pairs(all) do
    words[#words + 1] = quote(name .. "=" .. value)
  end
  return table.concat(words, " ")
end

local function command_line(self, arguments, env, tracer)
  local words = { self:environment(env), tracer or "", quote(os.getenv "MOLBUILD_BIN" or "build/molbuild") }
  for _, argument in ipairs(arguments) do
    words[#words + 1] = quote(argument)
  end
  return table.concat(words, " ")
end

--- Start molbuild in the background; TRACER is a shell command that runs it. Gives an object with pid, wait(), running(),
--- signal(name).
function methods:start(arguments, env, redirect, tracer)
  self.runs = (self.runs or 0) + 1
  local base = ("%s/run%d"):format(self.dir, self.runs)
  local line = command_line(self, arguments, env, tracer)
  -- `exec`, so that the pid is molbuild's own; the status is written by the shell around it.
  world.sh(([[(sh -c 'echo $$ >%s.pid; exec "$@"' sh %s >%s.out 2>%s.err %s
    echo $? >%s.new; mv %s.new %s.status) </dev/null >/dev/null 2>&1 &]])
    :format(base, line, base, base, redirect or "", base, base, base))
  local run = {}
  world.wait_for(function() return (read(base .. ".pid") or "") ~= "" end, 10)
  run.pid = tonumber(read(base .. ".pid"))
  function run.running()
    return read(base .. ".status") == nil
  end
  function run.signal(name)
    world.sh(("kill -%s %d"):format(name, run.pid))
  end
  function run.stderr()
    return read(base .. ".err")
  end
  function run.wait(seconds)
    world.wait_for(function() return not run.running() end, seconds or 120)
    return { status = tonumber(read(base .. ".status")), stdout = read(base .. ".out"), stderr = read(base .. ".err") }
  end
  return run
end

--- Run molbuild to its end: { status, stdout, stderr }.
function methods:run(arguments, env, redirect, tracer)
  return self:start(arguments, env, redirect, tracer).wait()
end

--- Run the shipped policy for RUNTIMES.
function methods:ensure(runtimes, env)
  return self:run({ "run", "ensure.lua", table.unpack(type(runtimes) == "table" and runtimes or { runtimes }) }, env)
end

--- Wait until CONDITION() is true; raises after so many seconds.
function world.wait_for(condition, seconds)
  local deadline = os.time() + (seconds or 30)
  while not condition() do
    if os.time() > deadline then
      error("waited in vain", 2)
    end
    os.execute "sleep 0.02"
  end
end

--- The lines of the forge's log that hold TEXT.
function methods:requests(text)
  local lines = {}
  for line in (read(self.forge .. "/log/access.log") or ""):gmatch "[^\n]+" do
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
  world.sh("rm -rf " .. canned .. " && mkdir -p " .. canned)
  write(canned .. "/response", response)
  if count then
    write(canned .. "/counted", tostring(count))
    for number = 1, count do
      write(("%s/left.%d"):format(canned, number), "")
    end
  end
end

--- Let the forge answer requests of PATH by itself again.
function methods:relent(path)
  world.sh("rm -r " .. self.forge .. "/canned" .. path)
end

--- Make the forge wait SECONDS, as `sleep` takes them, before it answers requests of PATH.
function methods:delay(path, seconds)
  local canned = self.forge .. "/canned" .. path
  world.sh("mkdir -p " .. canned)
  write(canned .. "/delay", seconds)
end

--- Put a program `docker` into a directory of its own, and give a PATH that has it first. For the builder "buildkit" it is
--- a client that has BuildKit, for "classic" the first one on PATH. With LOG, the build's client is started by a shell
--- that writes there which signals it hears.
function methods:client(builder, log)
  local chosen
  for line in world.sh("PATH=$PATH:/usr/bin " .. support .. "clients.sh"):gmatch "[^\n]+" do
    local path, version, buildx = line:match "^(%S+)\t(%d+)%S*\t(%a+)$"
    chosen = chosen or (builder == "classic" or buildx == "yes" or tonumber(version) < 23) and path
  end
  if not chosen then error("no docker client for " .. builder .. " is installed", 2) end
  local bin = world.sh(("mktemp -d %s/bin.XXXXXX"):format(self.dir))
  if log then
    write(bin .. "/docker", ([[
#!/bin/sh
[ "$1" = build ] || exec %s "$@"
trap 'echo INT >>%s' INT
trap 'echo TERM >>%s' TERM
env --default-signal=INT %s "$@" &
while kill -0 $! 2>/dev/null; do wait $!; status=$?; done
exit $status
]]):format(chosen, log, log, chosen))
    world.sh("chmod +x " .. bin .. "/docker")
  else
    world.sh(("ln -s %s %s/docker"):format(chosen, bin))
  end
  return bin .. ":" .. os.getenv "PATH"
end

--- Between two tests in one world: another cache, no images, and a forge that has been asked nothing.
function methods:again()
  self.caches = (self.caches or 0) + 1
  self.cache = ("%s/cache-%d"):format(self.dir, self.caches)
  world.remove_images()
  world.sh("rm -rf " .. self.forge .. "/canned/* && : >" .. self.forge .. "/log/access.log")
end

--- Forget every image of molbuild's in the engine.
function world.remove_images()
  -- By name: an image that others build upon cannot be removed by its id.
  world.sh "docker images --format '{{.Repository}}:{{.Tag}}' 'molecule-local/*' | xargs -r docker image rm -f >/dev/null"
end

return world
