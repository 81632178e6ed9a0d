-- What a cache hit does, and what it does not: seen by strace, in the forge's log, and on the disk.
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local RUNTIME = "claude-code"
local NAME = "molecule-local/workspace-template-" .. RUNTIME

describe("a cache hit", function()
  local w, tag

  setup(function()
    w = world.new()
    tag = NAME .. ":" .. w:commit("org", RUNTIME, world.template_files "hello"):sub(1, 12)
    local run = w:ensure(RUNTIME)
    assert.equal(0, run.status, run.stderr)
  end)

  before_each(function() sh.run("rm -rf " .. w.cache) end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  -- The system calls of a hit: lines of strace.
  local function traced(env)
    local trace = w.dir .. "/trace"
    local run = w:run({ "run", "ensure.lua", RUNTIME }, env, { prefix = "strace -f -s 256 -o " .. trace })
    assert.equal(tag .. "\n", run.stdout, run.stderr)
    return assert(sh.read(trace))
  end

  local function count(text, pattern)
    return select(2, text:gsub(pattern, ""))
  end

  -- The requests that the engine was sent, as "GET /path", without the API's version.
  local function engine_requests(trace)
    local list = {}
    for method, path in trace:gmatch 'sendto%(%d+, "(%u+) (/%S*images/%S+)' do
      list[#list + 1] = method .. " " .. path:gsub("^/v[%d.]+", "")
    end
    return list
  end

  it("starts no process and no thread", function()
    local trace = traced()
    assert.equal(1, count(trace, "execve%("), trace)
    assert.equal(0, count(trace, "v?fork%("), trace)
    -- One that fails is the question whether a filter of system calls knows it.
    assert.equal(0, count((trace:gsub("clone3%(NULL, 0%) += %-1 [^\n]*", "")), "clone3?%("), trace)
  end)

  it("asks the forge once, and the engine on one connection", function()
    local before = #w:requests "/api/"
    local trace = traced()
    assert.equal(before + 1, #w:requests "/api/")
    assert.equal(1, count(trace, "connect%(%d+, {sa_family=AF_INET,"))
    assert.equal(1, count(trace, 'connect%(%d+, {sa_family=AF_UNIX, sun_path="[^"]*docker.sock"'))
    assert.same({ ("GET /images/%s:latest/json"):format(NAME) }, engine_requests(trace))
  end)

  it("asks for the tag as well when :latest is another image, and moves :latest", function()
    sh.run(("printf 'FROM scratch\\nLABEL a=b\\n' | docker build -q -t %s:latest -"):format(NAME))
    local trace = traced()
    assert.same({
      ("GET /images/%s:latest/json"):format(NAME),
      ("GET /images/%s/json"):format(tag),
      ("POST /images/%s/tag?repo=%s&tag=latest"):format(tag, NAME),
    }, engine_requests(trace))
    assert.equal(1, count(trace, 'connect%(%d+, {sa_family=AF_UNIX, sun_path="[^"]*docker.sock"'))
    assert.equal(docker.id(tag), docker.id(NAME .. ":latest"))
  end)

  it("loads no module that only a miss or an error has a use for", function()
    sh.write(w.dir .. "/loaded.lua", [[
      local ensure = molbuild.load "ensure.lua"
      return { run = function(args)
        ensure.run(args)
        local names = {}
        for name in pairs(package.loaded) do names[#names + 1] = name end
        return table.unpack(names)
      end }]])
    local loaded = w:run({ "run", w.dir .. "/loaded.lua", RUNTIME }).stdout
    assert.truthy(loaded:find "molbuild%.engine%.api\n", loaded)
    for _, name in ipairs {
      "argparse", "molbuild.forge.reason", "molbuild.base.needs",
      "molbuild.repository.cache", "molbuild.base.child", "molbuild.engine.cli",
      "molbuild.repository.heads",
      "molbuild.repository.git", "molbuild.repository.command", "molbuild.repository.store", "molbuild.repository.template",
      "molbuild.machine.manifest", "molbuild.machine.offline",
      "molbuild.progress.tty", "molbuild.trace", "molbuild.help", "molbuild.eject", "molbuild.base.nearest",
    } do
      assert.is_nil(("\n" .. loaded):find("\n" .. name .. "\n", 1, true), name)
    end
  end)

  it("asks the engine while the forge has not answered yet", function()
    local trace = traced()
    local asked = trace:find('sendto%(%d+, "GET /images/')
    local answered = trace:find('recvfrom%(%d+, "HTTP/1.1 200 OK\\r\\nServer: nginx')
    assert.truthy(asked and answered and asked < answered, trace)
  end)

  it("makes no directory, opens no file for writing and takes no lock", function()
    local trace = traced()
    for line in trace:gmatch "[^\n]+" do
      for _, call in ipairs { "mkdir", "flock%(", "rename", "unlink", "open.*O_CREAT", "open.*O_RDWR", "open.*O_WRONLY" } do
        assert.falsy(line:find(call), line)
      end
    end
    sh.run("test ! -e " .. w.cache)
  end)

  it("is one request for many runs within MOLECULE_HEAD_MAX_AGE_S, and then has no network at all", function()
    local window = { MOLECULE_HEAD_MAX_AGE_S = "600" }
    local before, runs = #w:requests "/api/", {}
    for index = 1, 20 do runs[index] = w:start({ "run", "ensure.lua", RUNTIME }, window) end
    for _, running in ipairs(runs) do
      assert.equal(tag .. "\n", running:wait().stdout)
    end
    for _ = 1, 30 do
      assert.equal(tag .. "\n", w:ensure(RUNTIME, window).stdout)
    end
    assert.equal(before + 1, #w:requests "/api/")
    local trace = traced(window)
    assert.equal(before + 1, #w:requests "/api/")
    assert.is_nil(trace:find "sa_family=AF_INET")
    assert.is_nil(trace:find "O_CREAT")
    assert.equal(1, count(trace, "execve%("), trace)
    assert.same({ ("GET /images/%s:latest/json"):format(NAME) }, engine_requests(trace))
  end)
end)

describe("--all on a warm cache", function()
  it("has one connection to a forge that speaks HTTP/2, by TLS 1.3, and asks each thing once", function()
    local w = world.new()
    local names = {}
    for name in ("autogen claude-code codex crewai deepagents gemini-cli hermes langgraph openclaw"):gmatch "%S+" do
      names[#names + 1] = name
      w:commit("org", name, world.template_files(name))
    end
    local env = {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-",
      SSL_CERT_FILE = w.ca,
    }
    local run = w:run({ "run", "--jobs=9", "ensure.lua", "--all" }, env)
    assert.equal(0, run.status, run.stderr)
    local before = #w:requests "/api/"
    run = w:run({ "run", "ensure.lua", "--all" }, env)
    assert.equal(0, run.status, run.stderr)
    local connections, requests, seen = {}, w:requests "/api/", 0
    for index = before + 1, #requests do
      local connection = requests[index]:match "\t(%d+)$"
      seen = seen + (connections[connection] and 0 or 1)
      connections[connection] = true
      -- The versions, and no resumed session: a token is never sent before the handshake is complete.
      assert.truthy(requests[index]:find "\tHTTP/2%.0\tTLSv1%.3\t%.\t%d+$", requests[index])
    end
    assert.equal(#names, #requests - before)
    assert.equal(1, seen)
    -- The server numbers all connections, also those without a request, and its own to the program that answers: one per
    -- request. So there was no other handshake before the next run's.
    assert.equal(0, w:ensure("codex", env).status)
    assert.equal(#names + 1, w:requests("/api/")[#requests + 1]:match "\t(%d+)$" - next(connections))
    world.remove_images()
    w:close()
  end)
end)
