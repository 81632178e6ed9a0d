-- Pins and a machine without a network, by whole runs of ensure.lua in a test's world.
local molbuild = require "molbuild"

describe("in a world, ensure.lua", function()
  local world

  before_each(function()
    world = molbuild.testing.world { policy = "scripts/ensure.lua", repositories = {} }
  end)

  local function push(version)
    return world.forge:push("hermes", { Dockerfile = "FROM scratch\n", [".runtime-version"] = version })
  end

  local function run(...)
    local done = world:run(...)
    return done, done:events_of("result")[1]
  end

  it("pins a commit with the image and the inputs of its build, and shows how they moved", function()
    push "1.2.3"
    run "hermes"
    assert.equal(0, world:verb("pin", "--file=/p.json", "hermes").exit)
    local text = world:read "/p.json"
    assert.matches('"inputs": {\n        ".runtime%-version": "1.2.3"\n', text)
    assert.matches('"images": {\n        "molecule%-local/workspace%-template%-hermes:%x+": "sha256:%x+"\n', text)
    push "1.2.4"
    run "hermes"
    local moved = world:verb("pin", "--file=/p.json")
    assert.matches("hermes   moved   %x+  commit %x+ %-> %x+;%s+%.runtime%-version 1%.2%.3 %-> 1%.2%.4\n", moved.stdout)
  end)

  it("goes back to a pin, and is offline, without a request to the forge", function()
    local first = push "1"
    run "hermes"
    assert.equal(0, world:verb("pin", "--file=/p.json", "hermes").exit)
    push "2"
    run "hermes"
    for _, env in ipairs { { MOLECULE_MANIFEST = "/p.json" }, { MOLECULE_MANIFEST = "/p.json", MOLECULE_OFFLINE = "1" } } do
      for name, value in pairs(env) do world.env[name] = value end
      local back, result = run "hermes"
      assert.equal("hit", result.outcome)
      assert.equal(first, result.sha)
      assert.equal(0, #back:requests_to "forge")
    end
    world.env.MOLECULE_MANIFEST = nil
    local offline, result = run "hermes"
    assert.equal("stale", result.outcome)
    assert.not_equal(first, result.sha)
    assert.equal(0, #offline:requests_to "forge")
  end)

  it("is offline also where only the program reaches the engine", function()
    local sha = push "1"
    run "hermes"
    world.env.MOLECULE_OFFLINE, world.env.DOCKER_HOST = "1", "ssh://engine"
    local _, result = run "hermes"
    assert.equal("stale", result.outcome)
    assert.equal(sha, result.sha)
  end)

  it("pulls nothing offline in registry mode, in a run and in its plan", function()
    world.env.MOLECULE_OFFLINE, world.env.MOLECULE_IMAGE_REGISTRY = "1", "registry.example/team"
    for _, pull in ipairs { "missing", "always" } do
      world.env.MOLECULE_IMAGE_PULL = pull
      assert.equal(4, run("hermes").exit)
      assert.equal(4, world:verb("plan", "hermes").exit)
    end
    world.engine:add "registry.example/team/workspace-template-hermes:latest"
    assert.equal(0, run("hermes").exit)
    assert.equal(0, world:verb("plan", "hermes").exit)
  end)

  it("has nothing to pin in registry mode, and refuses an unknown option or runtime", function()
    assert.equal(2, world:verb("pin", "nothing").exit)
    assert.equal(2, world:verb("pin", "--fil=x", "hermes").exit)
    world.env.MOLECULE_IMAGE_REGISTRY = "registry.example/team"
    local refused = world:verb("pin", "hermes")
    assert.equal(2, refused.exit)
    assert.matches("registry mode builds nothing", refused.stderr)
  end)

  it("pins what the forge has with --all, and skips the rest with a warning", function()
    push "1"
    local done = world:verb("pin", "--file=/p.json", "--all")
    assert.equal(0, done.exit, done.stderr)
    assert.equal(8, select(2, done.stderr:gsub("skipped: ", "")))
    assert.matches('"runtime": "hermes"', world:read "/p.json")
  end)

  describe("with a fork's own head", function()
    local FORK = [[
      local molbuild = require "molbuild"
      local ensure = molbuild.load "ensure.lua"
      local head = ensure.head
      function ensure.head(job) %s end
      return ensure
    ]]
    local LOOKUP = "return molbuild.gitea.branch_head(job.repo_url, job.branch, { timeout = 10 })"
    local first

    local function fork(body)
      world = molbuild.testing.world { fork = FORK:format(body), repositories = {} }
      first = push "1"
      assert.equal(0, world:run("hermes").exit)
      assert.equal(0, world:verb("pin", "--file=/p.json", "hermes").exit)
      push "2"
    end

    it("that looks the branch up whatever was asked for, refuses another commit than the given one", function()
      fork(LOOKUP)
      for _, verb in ipairs { "run", "plan" } do
        local function call(...)
          local done = world:verb(verb, ...)
          return done.exit, done.stdout .. done.stderr
        end
        local status, said = call("--commit=" .. first, "hermes")
        assert.equal(70, status, said)
        assert.matches("head gave%s+%x+,%s+but%s+%-%-commit%s+names%s+" .. first, said)
        world.env.MOLECULE_MANIFEST = "/p.json"
        status, said = call "hermes"
        assert.equal(70, status, said)
        assert.matches("but%s+MOLECULE_MANIFEST%s+names%s+" .. first, said)
        world.env = { HOME = world.env.HOME, PATH = world.env.PATH, MOLECULE_OFFLINE = "1" }
        assert.matches("it may have used the network", select(2, call "hermes"), 1, true)
        world.env.MOLECULE_OFFLINE = nil
      end
    end)

    it("that begins with the one it replaces, gives what was asked for", function()
      fork "return (head(job))"
      local _, result = run("hermes", "--commit=" .. first)
      assert.equal(first, result.sha)
      world.env.MOLECULE_MANIFEST = "/p.json"
      local done
      done, result = run "hermes"
      assert.same({ 0, first }, { done.exit, result.sha })
    end)
  end)
end)
