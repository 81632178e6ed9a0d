-- Two hosts in network namespaces, each with an engine, a cache and an address of its own, and a real registry between them.
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local hosts = require "spec.support.hosts"
local record = require "spec.support.record"
local registry = require "spec.support.registry"
local world = require "spec.support.world"

-- Only root can make namespaces, and start an engine in one.
if not engines.by_root "hosts" then return end

local NAME = "molecule-local/workspace-template-claude-code"

describe("hosts with a registry between them", function()
  local w, fleet, forge

  setup(function()
    w, fleet = world.new(), hosts.start(2)
    forge = fleet:gate(w.http:match "^http://(.*)$")
  end)

  teardown(function()
    fleet:stop()
    w:close()
  end)

  local function run(number, env)
    local host = fleet.list[number]
    local all = {
      DOCKER_HOST = host.engine, MOLECULE_LOCAL_BUILD_CACHE = w.cache .. number,
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("http://%s/org/t-"):format(forge),
    }
    for name, value in pairs(env) do all[name] = value end
    local result = w:run({ "run", "--output=json", "ensure.lua", "claude-code" }, all, { prefix = host.prefix })
    assert.equal(0, result.status, result.stderr)
    local one = record.results(result.stdout)[1]
    return one.outcome, docker.id(NAME .. ":latest", host.engine)
  end

  for how, options in pairs { ["with TLS and a password"] = { tls = true }, ["that is open"] = { open = true } } do
    it(("have the same image, which one of them has built: one %s"):format(how), function()
      w:commit("org", "claude-code", { Dockerfile = "FROM scratch\nCOPY says /\n", says = how })
      local there = registry.start { open = options.open }
      finally(function() there:stop() end)
      local address = fleet:gate(there.address, options.tls and w.forge .. "/tls")
      local env = { MOLECULE_IMAGE_CACHE = address .. "/team", DOCKER_CONFIG = there:login("spec", address) }
      env.MOLECULE_IMAGE_CACHE_PUSH = "required"
      local outcome, built = run(1, env)
      assert.equal("built", outcome)
      local pulled
      env.MOLECULE_IMAGE_CACHE_REQUIRED = "1"
      outcome, pulled = run(2, env)
      assert.same({ "pulled", built }, { outcome, pulled })
      assert.equal("hit", (run(2, env)))
    end)
  end
end)
