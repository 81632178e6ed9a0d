-- What a fork demands of its builds, in whole runs: settings, the label of the stage, hits, refusals; in a world of fakes.
local molbuild = require "molbuild"

local DOCKERFILE = "FROM scratch AS base\nFROM base AS dev\nFROM base AS prod\n"

describe("a fork that demands more of its builds", function()
  local function world(settings, options)
    options = options or {}
    options.fork = ('local ensure = molbuild.load "ensure.lua"\n%s\nreturn ensure\n'):format(settings)
    options.env = options.env or {}
    options.env.MOLBUILD_DOCKER = options.engine and options.engine.command
    options.repositories = { hermes = { Dockerfile = DOCKERFILE } }
    return molbuild.testing.world(options)
  end

  local function outcome(run)
    assert.equal(0, run.exit, run.stderr)
    return run:events_of("result")[1].outcome
  end

  it("gives a build its secrets, from variables and files", function()
    local w = world('ensure.secrets = { pip = { env = "PIP_TOKEN" }, npm = { file = "/run/npm" } }', {
      env = { PIP_TOKEN = "sesame-open-1" }, files = { ["/run/npm"] = { text = "sesame-open-2\n", mode = 384 } },
    })
    local run = w:run("hermes", { v = true })
    assert.equal("built", outcome(run))
    assert.same({ pip = "sesame-open-1", npm = "sesame-open-2\n" }, w.builds[1].secrets)
    for _, call in ipairs(run.commands) do
      assert.is_nil(table.concat(call.argv, " "):find("sesame", 1, true))
      assert.is_nil((call.env or {}).PIP_TOKEN)
    end
    assert.is_nil(run.stderr:find("sesame", 1, true))
    for _, event in ipairs(run.events) do assert.is_nil(require("cjson").encode(event):find("sesame", 1, true)) end
  end)

  it("shares a variable with the forge's token", function()
    local w = world('ensure.secrets = { index = { env = "MOLECULE_GITEA_TOKEN" } }', {
      env = { MOLECULE_GITEA_TOKEN = "sesame-open-1" }, forge = { private = true, token = "sesame-open-1" },
    })
    assert.equal("built", outcome(w:run "hermes"))
    assert.same({ index = "sesame-open-1" }, w.builds[1].secrets)
  end)

  it("needs no secret for a hit", function()
    local w = world('ensure.secrets = { pip = { env = "PIP_TOKEN" } }', { env = { PIP_TOKEN = "sesame-open-1" } })
    assert.equal("built", outcome(w:run "hermes"))
    w.env.PIP_TOKEN = nil
    assert.equal("hit", outcome(w:run "hermes"))
    w.forge:push("hermes", { Dockerfile = DOCKERFILE .. "ENV A=1\n" })
    local run = w:run "hermes"
    assert.equal(2, run.exit)
    assert.truthy(run.stderr:find("secrets.pip: the variable PIP_TOKEN is not set", 1, true), run.stderr)
  end)

  it("sets them for a runtime, together with those of all", function()
    local w = world([[ensure.secrets = { pip = { env = "PIP_TOKEN" } }
      ensure.per_runtime.hermes = { secrets = { npm = { env = "NPM_TOKEN" } }, memory = "1g", cpus = 2, network = "none" }]],
      { env = { PIP_TOKEN = "sesame-open-1", NPM_TOKEN = "sesame-open-2" }, engine = { podman = true, command = "podman" } })
    assert.equal("built", outcome(w:run "hermes"))
    local build = w.builds[1]
    assert.same({ pip = "sesame-open-1", npm = "sesame-open-2" }, build.secrets)
    assert.same({ 1 << 30, 2.0, "none" }, { build.memory, build.cpus, build.network })
  end)

  it("builds another stage again, and says why", function()
    local w = world 'ensure.target = molbuild.env.get "STAGE"'
    local function run(stage)
      w.env.STAGE = stage
      local seen = w:run "hermes"
      return outcome(seen), seen.stderr
    end
    assert.equal("built", (run "dev"))
    assert.equal("dev", w.builds[1].target)
    assert.equal("hit", (run "dev"))
    w.env.STAGE = "prod"
    assert.equal(11, w:verb("plan", "hermes").exit)
    local built, said = run "prod"
    assert.equal("built", built)
    assert.truthy(said:find("it is the stage dev of the Dockerfile, not the stage prod", 1, true), said)
    built, said = run(nil)
    assert.equal("built", built)
    assert.truthy(said:find("it is the stage prod of the Dockerfile, not the last one", 1, true), said)
    assert.equal("hit", (run(nil)))
    assert.is_nil(w.builds[3].target)
  end)

  for builder, engine in pairs {
    buildkit = { builder = "buildkit" }, classic = { builder = "classic" }, podman = { podman = true, command = "podman" },
  } do
    it("reports a stage that there is not as a fault of the template: " .. builder, function()
      local w = world('ensure.target = "nope"', { engine = engine })
      local run = w:run "hermes"
      assert.equal(7, run.exit, run.stderr)
      assert.truthy(run.stderr:find('the Dockerfile has no stage "nope" (target)', 1, true), run.stderr)
    end)
  end

  for _, case in ipairs {
    { "secrets", 'ensure.secrets = { pip = { env = "PATH" } }', "classic" }, { "ssh", 'ensure.ssh = "default"', "classic" },
    { "memory", 'ensure.memory = "2g"', "buildkit" }, { "cpus", "ensure.cpus = 2", "buildkit" },
  } do
    it(("is refused %s before the clone by the builder %s, which would ignore it"):format(case[1], case[3]), function()
      local w = world(case[2], { engine = { builder = case[3] } })
      local run = w:run "hermes"
      assert.equal(2, run.exit, run.stderr)
      assert.truthy(run.stderr:find(case[1] .. " cannot be used: ", 1, true), run.stderr)
      assert.same({}, run:commands_of("git", "fetch"))
      assert.same({}, w.builds)
    end)
  end

  it("learns from doctor whether its builds can be done", function()
    local settings = 'ensure.secrets, ensure.target = { pip = { env = "PIP_TOKEN" } }, "dev"'
    local doctor = world(settings, { env = { PIP_TOKEN = "sesame-open-1" } }):verb("doctor", "hermes")
    assert.equal(0, doctor.exit, doctor.stdout)
    assert.truthy(doctor.stdout:find "ok +demands +hermes: the builder can do it: secrets pip, target", doctor.stdout)
    for _, case in ipairs {
      { { env = { PIP_TOKEN = "sesame-open-1" }, engine = { builder = "classic" } }, "the classic builder ignores it" },
      { {}, "the variable PIP_TOKEN is not set" },
    } do
      doctor = world(settings, case[1]):verb("doctor", "hermes", { output = "json" })
      assert.equal(2, doctor.exit, doctor.stdout)
      assert.truthy(doctor.stdout:find(case[2], 1, true), doctor.stdout)
    end
    assert.is_nil(world(""):verb("doctor", "hermes").stdout:find("demands", 1, true))
  end)

  it("hears of a mistake before anything runs", function()
    for _, case in ipairs {
      { 'ensure.memory = "lots"', 'memory must be an amount of memory of at least 6m, such as 512m or 2g, not "lots"' },
      { "ensure.memory = {}", "memory must be an amount of memory" }, { 'ensure.network = "bridge"', "network must be default or" },
      { 'ensure.per_runtime.hermes = { target = "-x" }', "per_runtime.hermes.target must be the name of a stage" },
      { 'ensure.secrets = { ["a,b"] = { env = "A" } }', 'secrets has the id "a,b"' },
      { 'ensure.secrets = { pip = "PIP_TOKEN" }', "secrets.pip must be { env" },
    } do
      local run = world(case[1]):run "hermes"
      assert.equal(70, run.exit, run.stderr)
      assert.truthy(run.stderr:find(case[2], 1, true), run.stderr)
      assert.same({}, run.commands)
    end
  end)
end)
