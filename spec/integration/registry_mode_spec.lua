-- Registry mode: the name alone by default, and what MOLECULE_IMAGE_PULL pulls, from a real registry.
local engines = require "spec.support.engines"
local record = require "spec.support.record"
local registry = require "spec.support.registry"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if not engines.by_root "registry mode" then return end

describe("registry mode", function()
  local w, there, engine, image

  setup(function()
    w, there, engine = world.new { forge = false }, registry.start(), engines.docker()
    image = there.address .. "/org/workspace-template-hermes:latest"
  end)

  teardown(function()
    engine:stop()
    there:stop()
    w:close()
  end)

  local function docker(...)
    return sh.run(("docker -H %s "):format(engine.host) .. string.format(...))
  end

  before_each(function() docker("image rm -f %s 2>/dev/null; true", image) end)

  --- Push an image that says SAYS, and forget it here.
  local function push(says)
    local dir = w.dir .. "/image"
    sh.run("mkdir -p " .. dir)
    sh.write(dir .. "/Dockerfile", "FROM scratch\nLABEL says=" .. says .. "\n")
    docker("build -q -t %s %s", image, dir)
    docker("--config %s/login push -q %s", there.dir, image)
    docker("image rm -f %s", image)
  end

  local function ensure(pull, env)
    local all = {
      MOLECULE_IMAGE_REGISTRY = there.address .. "/org", MOLECULE_IMAGE_PULL = pull, DOCKER_CONFIG = there.dir .. "/login",
      DOCKER_HOST = engine.host,
    }
    for name, value in pairs(env or {}) do all[name] = value end
    return w:run({ "run", "--progress=json", "--output=json", "ensure.lua", "hermes" }, all)
  end

  local function says()
    return docker("image inspect -f '{{.Config.Labels.says}}' %s", image)
  end

  local function gives(run)
    assert.equal(0, run.status, run.stderr)
    record.events(run.stderr)
    local result = record.results(run.stdout)[1]
    assert.same({ image, "registry" }, { result.image, result.outcome })
    return result
  end

  it("gives the name, and asks neither registry nor engine, when pulls are disabled", function()
    gives(ensure(nil, { MOLECULE_IMAGE_REGISTRY = there.address .. "/org", DOCKER_HOST = "unix:///nonexistent" }))
    gives(ensure("never", { DOCKER_HOST = "unix:///nonexistent" }))
    assert.is_false((pcall(says)))
  end)

  it("pulls what is missing, and no more", function()
    push "one"
    local result = gives(ensure "missing")
    assert.equal("one", says())
    assert.equal(docker("image inspect -f '{{.Id}}' %s", image), result.image_id)
    assert.is_number(result.steps.pull)
    push "two"
    gives(ensure "missing")
    assert.equal("two", says()) -- it was forgotten here
    push "three"
    docker("build -q -t %s %s", image, w.dir .. "/image") -- as if it were an older one
    gives(ensure "missing")
    assert.equal("three", says())
  end)

  it("pulls, with always, what the name means by now", function()
    push "one"
    gives(ensure "missing")
    push "two"
    sh.write(w.dir .. "/image/Dockerfile", "FROM scratch\nLABEL says=old\n")
    docker("build -q -t %s %s", image, w.dir .. "/image")
    gives(ensure "missing")
    assert.equal("old", says())
    gives(ensure "always")
    assert.equal("two", says())
  end)

  it("is content with the image that is here when a pull fails, with a warning; without one it fails", function()
    push "one"
    gives(ensure "missing")
    local run = ensure("always", { DOCKER_CONFIG = w.home })
    gives(run)
    assert.truthy(run.stderr:find('"level":"warn","message":"' .. image .. " was not pulled", 1, true), run.stderr)
    docker("image rm -f %s", image)
    run = ensure("missing", { DOCKER_CONFIG = w.home })
    assert.equal(5, run.status, run.stderr)
    local result = record.results(run.stdout)[1]
    assert.same({ "failed", "auth" }, { result.outcome, result.error.kind })
  end)

  it("fails without an engine only when it must pull", function()
    local run = ensure("missing", { DOCKER_HOST = "unix:///nonexistent" })
    assert.equal(3, run.status, run.stderr)
    assert.equal(2, ensure("sometimes").status)
  end)
end)
