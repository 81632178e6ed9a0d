-- Base images: in the record and the labels of an image, and whether they have moved in a real registry that wants a password.
local engines = require "spec.support.engines"
local json = require "molbuild.base.json"
local record = require "molbuild.machine.record"
local registry = require "spec.support.registry"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if not engines.by_root "base images" then return end

local NAME = "molecule-local/workspace-template-claude-code:"
local LABEL = "org.opencontainers.image.base."

describe("base images", function()
  local w, there, engine, podman, base

  setup(function()
    w, there, engine, podman = world.new(), registry.start(), engines.docker(), engines.podman()
    base = there.address .. "/team/base:1"
  end)
  teardown(function()
    podman:stop()
    engine:stop()
    there:stop()
    w:close()
  end)

  --- Puts an image with a file that says TEXT into the registry, under the name of the base: the digest that it has there.
  local function push(text)
    sh.write(w.dir .. "/base/Dockerfile", ("FROM scratch\nCOPY Dockerfile /\nLABEL says=%s %sdigest=old\n"):format(text, LABEL))
    local said = sh.run(("export DOCKER_HOST=%s; docker build -q -t %s %s/base && docker --config %s/login push %s"):format(
      engine.host, base, w.dir, there.dir, base))
    return said:match "digest: (sha256:%x+)"
  end

  local function docker(builder)
    return { DOCKER_HOST = engine.host, DOCKER_CONFIG = there.dir .. "/login", PATH = w:client(builder) }
  end

  local function commit(says)
    return w:commit("org", "claude-code", { Dockerfile = ("ARG B=%s\nFROM $B\nCOPY says /\n"):format(base), says = says })
  end

  local function plan(env)
    local result = w:run({ "plan", "--output=json", "ensure.lua", "claude-code", "--check-base" }, env)
    return json.decode(result.stdout), result.status
  end

  for _, builder in ipairs { "classic", "buildkit" } do
    it(("are known by their digests, and noticed when they move, with the %s builder"):format(builder), function()
      local digest, env = push("one" .. builder), docker(builder)
      local sha = commit(builder)
      local built = w:run({ "run", "ensure.lua", "claude-code" }, env)
      assert.equal(0, built.status, built.stderr)
      local found = record.read(record.path(w.cache, "claude-code", NAME .. sha:sub(1, 12)))
      assert.same({ base, digest }, { found.bases[1].name, found.bases[1].digest })
      local inspect = "docker -H %s image inspect -f '{{index .Config.Labels \"%sname\"}} {{index .Config.Labels \"%sdigest\"}}' %s"
      assert.equal(base .. " " .. digest, sh.run(inspect:format(engine.host, LABEL, LABEL, NAME .. "latest")))
      local row, status = plan(env)
      assert.same({ 0, "same" }, { status, row.base }, row.reason)
      local newer = push("two" .. builder)
      row, status = plan(env)
      assert.same({ 11, "hit", "moved" }, { status, row.outcome, row.base })
      local words = ("the base image %s moved %s -> %s, --pull builds with it"):format(base, digest:sub(8, 19), newer:sub(8, 19))
      assert.equal(words, row.reason)
    end)
  end

  it("are known by their digests, and noticed when they move, with podman", function()
    push "one"
    sh.write(w.dir .. "/registries.conf", ('[[registry]]\nlocation = "%s"\ninsecure = true\n'):format(there.address))
    local env = {
      MOLBUILD_DOCKER = "podman", REGISTRY_AUTH_FILE = there.auth, CONTAINERS_REGISTRIES_CONF = w.dir .. "/registries.conf",
    }
    for name, value in pairs(podman.env) do env[name] = value end
    -- `podman manifest inspect` of a podman before version 4.6 has credentials from here alone.
    sh.write((env.HOME or w.home) .. "/.docker/config.json", sh.read(there.auth))
    local sha = commit "podman"
    local built = w:run({ "run", "ensure.lua", "claude-code" }, env)
    assert.equal(0, built.status, built.stderr)
    local found = record.read(record.path(w.cache, "claude-code", NAME .. sha:sub(1, 12)))
    assert.truthy(found.bases[1].digest, found.unknown_bases[1])
    local row, status = plan(env)
    assert.same({ 0, "same" }, { status, row.base }, row.reason)
    push "two"
    row, status = plan(env)
    assert.same({ 11, "moved" }, { status, row.base }, row.reason)
    there.server:stop()
    row, status = plan(env)
    assert.same({ 0, "unknown" }, { status, row.base })
    assert.truthy(row.reason:find(("the registry of the base image %s gives no answer"):format(base), 1, true), row.reason)
  end)
end)
