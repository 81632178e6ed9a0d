-- Pulling an image by the program, from a real registry that wants a password.
local cjson = require "cjson"
local engines = require "spec.support.engines"
local registry = require "spec.support.registry"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if not engines.by_root "a pull" then return end

local POLICY = [[
  local cjson = require "cjson"
  return { run = function(args)
    local options = { platform = args[2], stall = tonumber(args[3]), log_file = args[4] }
    local ok, answer = pcall(function() return molbuild.docker.engine():pull(args[1], options) end)
    if not ok and (not molbuild.errors.is(answer) or answer.kind == "cancelled") then error(answer, 0) end
    return cjson.encode(ok and answer or { kind = answer.kind, code = answer.code, message = answer.message, hint = answer.hint })
  end }
]]

describe("a pull", function()
  local w, there, engine, podman, image

  setup(function()
    w = world.new()
    there, engine, podman = registry.start(), engines.docker(), engines.podman()
    image = there.address .. "/org/image:tag"
    local dir = w.dir .. "/image"
    sh.run("mkdir " .. dir)
    sh.write(dir .. "/Dockerfile", "FROM scratch\nCOPY Dockerfile /\nLABEL one=two\n")
    sh.run(("docker -H %s build -q -t %s %s && docker --config %s/login -H %s push -q %s && docker -H %s image rm -f %s")
      :format(engine.host, image, dir, there.dir, engine.host, image, engine.host, image))
    sh.write(w.home .. "/none.json", "{}")
    sh.write(w.dir .. "/registries.conf",
      ('unqualified-search-registries = []\n[[registry]]\nlocation = "%s"\ninsecure = true\n'):format(there.address)
      .. ('[[registry]]\nlocation = "%s"\ninsecure = true\n'):format(w.http:match "^http://(.*)$")
      .. '[[registry]]\nlocation = "127.0.0.1:1"\ninsecure = true\n')
  end)

  teardown(function()
    podman:stop()
    engine:stop()
    there:stop()
    w:close()
  end)

  local WAYS = {
    docker = function(login)
      return { DOCKER_HOST = engine.host, DOCKER_CONFIG = login and there.dir .. "/login" or w.home }
    end,
    podman = function(login)
      return {
        MOLBUILD_DOCKER = "podman", CONTAINERS_CONF = podman.env.CONTAINERS_CONF,
        CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF, CONTAINERS_REGISTRIES_CONF = w.dir .. "/registries.conf",
        REGISTRY_AUTH_FILE = login and there.auth or w.home .. "/none.json",
      }
    end,
  }

  local function pull(env, ...)
    local result = run.run { args = { "run", "/dev/stdin", ... }, stdin = POLICY, env = env }
    assert.equal(0, result.status, result.stderr)
    return cjson.decode(result.stdout), result.stderr
  end

  for way, environment in pairs(WAYS) do
    describe("by " .. way, function()
      it("brings the image, by the program's credentials, and logs what it says", function()
        local found = pull(environment(true), image, "linux/amd64", "60", w.dir .. "/log")
        assert.truthy(tostring(found.id):find "^sha256:%x+$", found.message)
        assert.equal("two", found.labels.one)
        assert.truthy(sh.read(w.dir .. "/log"):find "%S")
      end)

      it("without credentials is an error of its own kind, with what to do", function()
        local failure = pull(environment(false), image)
        assert.equal("auth", failure.kind, failure.message)
        assert.truthy(failure.hint:find(way .. " login", 1, true))
      end)

      it("of what is not there is another", function()
        local failure = pull(environment(true), there.address .. "/org/image:none")
        assert.equal("not_found", failure.kind, failure.message)
      end)

      it("from a registry that cannot be reached is another", function()
        local failure = pull(environment(false), "127.0.0.1:1/org/image:tag")
        assert.same({ "remote", "unreachable" }, { failure.kind, failure.code }, failure.message)
      end)
    end)
  end

  -- podman waits for minutes before it reports that.
  it("past a registry's limit is another error", function()
    local address = w.http:match "^http://(.*)$"
    w:respond("/v2/", "Status: 200\r\nContent-Type: application/json\r\n\r\n{}")
    w:respond("/v2/org/image/manifests/tag", "Status: 429\r\nContent-Type: application/json\r\n\r\n"
      .. '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}')
    local failure = pull(WAYS.docker(false), address .. "/org/image:tag")
    assert.same({ "remote", "limit" }, { failure.kind, failure.code }, failure.message)
    assert.truthy(failure.hint:find("pull limit", 1, true))
  end)

  it("by an engine that is not running is an error", function()
    local failure = pull({ DOCKER_HOST = "unix:///nonexistent/docker.sock" }, image)
    assert.equal("missing_tool", failure.kind)
  end)

  it("of no reference is refused", function()
    assert.equal("usage", pull(WAYS.docker(false), "--all-tags").kind)
  end)

  describe("from a registry that is silent", function()
    local slow

    setup(function()
      slow = w.http:match "^http://(.*)$" .. "/org/slow:tag"
      w:delay("/v2/", "60")
    end)
    teardown(function() w:relent "/v2/" end)

    it("is ended after the grace", function()
      local failure = pull(WAYS.docker(false), slow, "linux/amd64", "1")
      assert.equal("timeout", failure.kind)
      assert.truthy(failure.message:find("docker was silent for 1 s", 1, true), failure.message)
    end)

    it("can be cancelled", function()
      local log = w.dir .. "/cancelled"
      local running = run.start {
        args = { "run", "/dev/stdin", slow, "linux/amd64", "600", log }, stdin = POLICY, env = WAYS.docker(false),
      }
      sh.wait_for(function() return sh.read(log) end) -- made when the program is started
      running:signal "INT"
      assert.equal(130, running:wait().status)
    end)
  end)
end)
