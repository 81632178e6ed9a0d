-- What a build takes from before: layers of former builds, base images. And images that became too old. With each builder, and a
-- real registry.
local engines = require "spec.support.engines"
local json = require "molbuild.base.json"
local registry = require "spec.support.registry"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if not engines.by_root "a build" then return end

local NAME = "molecule-local/workspace-template-hermes:"
local CREATED = "org.opencontainers.image.created"

describe("a build", function()
  local w, there, engine, podman, base

  setup(function()
    w = world.new { forge = false }
    there, engine, podman = registry.start(), engines.docker(), engines.podman()
    base = there.address .. "/org/base:1"
    sh.write(w.dir .. "/registries.conf",
      ('unqualified-search-registries = []\n[[registry]]\nlocation = "%s"\ninsecure = true\n'):format(there.address))
  end)

  teardown(function()
    podman:stop()
    engine:stop()
    there:stop()
    w:close()
  end)

  local function docker(builder)
    return {
      run = { DOCKER_HOST = engine.host, DOCKER_CONFIG = there.dir .. "/login", PATH = w:client(builder) },
      sh = function(command)
        return sh.run(("DOCKER_HOST=%s DOCKER_CONFIG=%s/login docker %s"):format(engine.host, there.dir, command))
      end,
    }
  end

  local WAYS = {
    classic = function() return docker "classic" end,
    buildkit = function() return docker "buildkit" end,
    podman = function()
      local env = {
        MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, CONTAINERS_CONF = podman.env.CONTAINERS_CONF,
        CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF, CONTAINERS_REGISTRIES_CONF = w.dir .. "/registries.conf",
        REGISTRY_AUTH_FILE = there.auth,
      }
      local function command(words)
        return podman:sh(("env CONTAINERS_REGISTRIES_CONF=%s REGISTRY_AUTH_FILE=%s podman %s"):format(
          env.CONTAINERS_REGISTRIES_CONF, there.auth, words))
      end
      return { run = env, sh = command }
    end,
  }

  -- A base image in the registry.
  local function push(way, version)
    local dir = w.dir .. "/base"
    sh.run(("rm -rf %s && mkdir %s && cp /bin/busybox %s/"):format(dir, dir, dir))
    sh.write(dir .. "/Dockerfile", "FROM scratch\nCOPY busybox /bin/busybox\nLABEL base=" .. version .. "\n")
    way.sh(("build -q -t %s-%s %s"):format(base, version, dir))
    way.sh(("tag %s-%s %s"):format(base, version, base))
    way.sh("push -q " .. base)
  end

  for name, make in pairs(WAYS) do
    it(("by %s takes no layers with --no-cache, new base images with --pull, and when it is too old"):format(name), function()
      local way = make()
      local function label(which, tag) return way.sh(("image inspect -f '{{index .Config.Labels %q}}' %s"):format(which, tag)) end
      -- When the template's step was carried out.
      local function step_of(tag)
        return way.sh("image history --no-trunc --format '{{.CreatedAt}} {{.CreatedBy}}' " .. tag .. " | grep COPY")
      end
      local function ensure(verb, ...)
        way.run.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/repos/org/t-"
        local result = w:run({ verb, "--output=json", "ensure.lua", "hermes", ... }, way.run)
        assert.truthy(result.status == 0 or result.status == 11, result.stderr)
        return json.decode(result.stdout), result.stderr
      end
      w.cache = w.dir .. "/cache-" .. name
      push(way, "1")
      local sha = w:commit("org", "hermes", { Dockerfile = "FROM " .. base .. "\nCOPY Dockerfile /\n" })
      local tag = NAME .. sha:sub(1, 12)
      assert.equal("built", ensure("run").outcome)
      local first = step_of(tag)
      sh.run "sleep 1.1" -- the engine's dates are whole seconds
      ensure("run", "--rebuild")
      assert.equal(first, step_of(tag))
      local _, log = ensure("run", "--no-cache")
      assert.not_equal(first, step_of(tag))
      assert.truthy(log:find(": --no-cache\n", 1, true), log)

      push(way, "2")
      way.sh(("tag %s-1 %s"):format(base, base))
      if name ~= "podman" then -- podman 4 always fetches
        ensure("run", "--rebuild")
        assert.equal("1", label("base", tag))
      end
      ensure("run", "--pull")
      assert.equal("2", label("base", tag))

      local before = label(CREATED, tag)
      way.run.MOLECULE_IMAGE_MAX_AGE_S = "100000"
      assert.equal("hit", ensure("run").outcome)
      way.run.MOLECULE_IMAGE_MAX_AGE_S = "1"
      sh.wait_for(function() return ensure("plan").outcome == "build" end)
      assert.truthy(ensure("plan").reason:find("^too old: it was built %d+%l ago, at most 1s are allowed"))
      way.sh(("tag %s-1 %s"):format(base, base))
      local result = ensure "run"
      assert.equal("built", result.outcome)
      assert.is_true(label(CREATED, tag) > before)
      assert.equal("2", label("base", tag))
    end)
  end
end)
