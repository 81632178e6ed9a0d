-- molbuild.testing.world: the shipped policy runs in it unchanged; what each fake offers reaches the run.
local core = require "molbuild.core"
local molbuild = require "molbuild"

local IMAGE = "molecule-local/workspace-template-hermes"

local function world(options)
  options = options or {}
  options.policy = options.policy or "scripts/ensure.lua"
  return molbuild.testing.world(options)
end

local function outcome(run)
  local result = run:events_of("result")[1]
  return result and result.outcome
end

describe("a world", function()
  it("has all that a build needs: the run is that of molbuild run", function()
    local w = world()
    local run = w:run "hermes"
    local sha = w.forge:head "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal(("%s:%s\n"):format(IMAGE, sha:sub(1, 12)), run.stdout)
    assert.equal("built", outcome(run))
    assert.equal(w.engine:image(IMAGE), w.engine:image(run.stdout:sub(1, -2)))
    assert.equal(sha, w.engine:image(IMAGE).labels["org.opencontainers.image.revision"])
    assert.matches("local-build: building " .. IMAGE, run.stderr, 1, true)
  end)

  it("answers what each verb asks", function()
    local w = world()
    assert.equal(11, w:verb("plan", "hermes").exit)
    assert.equal(0, w:run("hermes").exit)
    assert.equal(0, w:verb("plan", "hermes").exit)
    assert.equal(0, w:verb("pin", "--file=/p.json", "hermes").exit)
    assert.matches("1 image, .*TB free", w:verb("list", "hermes").stdout)
    local gc = w:verb("gc", "--keep=0", "--free=1GB")
    assert.equal(0, gc.exit, gc.stderr)
    local doctor = w:verb("doctor", "hermes")
    assert.equal(0, doctor.exit, doctor.stdout)
    assert.is_nil(doctor.stdout:find "\n[^o]%l+ ", doctor.stdout)
  end)

  it("stays from one run to the next: a hit asks the forge once, and runs nothing", function()
    local w = world()
    w:run "hermes"
    local run = w:run "hermes"
    assert.equal("hit", outcome(run))
    assert.same({}, run.commands)
    assert.equal(1, #run:requests_to "forge")
    w.forge:push("hermes", { Dockerfile = "FROM scratch\nCOPY a /\n", a = "2" })
    assert.equal("built", outcome(w:run "hermes"))
  end)

  it("touches nothing of this machine", function()
    local w = world { env = { MOLECULE_LOCAL_BUILD_CACHE = "/tmp/molbuild-testing-spec" } }
    assert.equal(0, w:run("hermes").exit)
    assert.is_nil(core.fs.lstat "/tmp/molbuild-testing-spec")
    assert.truthy(w.fs.lstat "/tmp/molbuild-testing-spec/hermes")
  end)

  it("has repositories with branches, trees and links as the test gives them", function()
    local w = world {
      repositories = {
        hermes = {
          main = {
            Dockerfile = { link = "docker/Dockerfile" }, ["docker/Dockerfile"] = "FROM scratch\n",
            run = { text = "x", mode = 493 },
          },
          next = { Dockerfile = "FROM next\n" },
        },
        codex = { ["README.md"] = "no template" },
      },
    }
    assert.equal(0, w:run("hermes").exit)
    assert.equal("FROM scratch\n", w.builds[1].files["docker/Dockerfile"])
    assert.same({ link = "docker/Dockerfile" }, w.builds[1].files.Dockerfile)
    local codex = w:run "codex"
    assert.equal(7, codex.exit)
    assert.matches("has no Dockerfile", codex.stderr, 1, true)
    local openclaw = w:run "openclaw"
    assert.equal(6, openclaw.exit)
    assert.matches('repo not found at .* — runtime "openclaw" may not be mirrored', openclaw.stderr)
  end)

  it("has images with labels and platforms", function()
    local w = world { repositories = { hermes = { Dockerfile = "FROM scratch\n" } } }
    local tag = ("%s:%s"):format(IMAGE, w.forge:head("hermes"):sub(1, 12))
    w.engine:add(tag, { labels = { ["org.opencontainers.image.revision"] = w.forge:head "hermes" } })
    assert.equal("hit", outcome(w:run "hermes"))
    w.engine:add(tag, { platform = "linux/arm64" })
    local run = w:run "hermes"
    assert.equal("built", outcome(run))
    assert.matches("it is for the platform linux/arm64, not linux/amd64", run.stderr, 1, true)
  end)

  it("gives the token to whom the forge asks for it, and notes where it went", function()
    local token = "a-token-of-a-test"
    local w = world { forge = { private = true, token = token }, env = { MOLECULE_GITEA_TOKEN = token } }
    local run = w:run "hermes"
    assert.equal(0, run.exit, run.stderr)
    assert.equal("token a-token-of-a-test", run:requests_to("forge")[1].headers.Authorization)
    assert.equal("a-token-of-a-test", run:commands_of("git", "fetch")[1].env.MOLBUILD_GIT_TOKEN)
    assert.is_nil(run:commands_of("docker", "build")[1].env.MOLBUILD_GIT_TOKEN)
    w.env.MOLECULE_GITEA_TOKEN = nil
    local without = w:run "hermes"
    assert.equal(5, without.exit)
    assert.matches("auth failure (401)", without.stderr, 1, true)
  end)

  it("runs a fork that the test writes, with its own arguments and options of molbuild run", function()
    local w = world {
      fork = 'local ensure = molbuild.load "ensure.lua"\ntable.insert(ensure.runtimes, "my-own")\nreturn ensure\n',
    }
    local run = w:run("my-own", "hermes", { output = "json", jobs = 1 })
    assert.equal(0, run.exit, run.stderr)
    local _, lines = run.stdout:gsub('"outcome":"built"', "")
    assert.equal(2, lines)
    assert.equal(2, w:run("hermes", { nonsense = true }).exit)
  end)

  it("shows where a token goes: not to the host of a runtime's own repository", function()
    local w = world {
      fork = [[
        local ensure = molbuild.load "ensure.lua"
        ensure.per_runtime.hermes = { repo_url = "https://other.example/org/x-hermes" }
        return ensure
      ]],
      env = { MOLECULE_GITEA_TOKEN = "a-token-of-a-test" },
    }
    local run = w:run("hermes", "codex", { jobs = 1 })
    assert.equal(0, run.exit, run.stderr)
    local sent = {}
    for _, request in ipairs(run:requests_to "forge") do sent[request.url:match "//([^/]+)"] = request.headers.Authorization end
    assert.same({ ["git.moleculesai.app"] = "token a-token-of-a-test" }, sent)
  end)

  it("runs jobs side by side, as --jobs allows", function()
    for jobs, seconds in pairs { [1] = 200, [2] = 100 } do
      local w = world()
      w.engine:builds { seconds = 100 }
      assert.near(seconds, w:run("hermes", "codex", { jobs = jobs }).seconds, 5)
    end
    local all = world():run "--all"
    assert.equal(9, #all:events_of "result", all.stderr)
  end)

  it("has the engine where the environment says, and by its program alone", function()
    local w = world { env = { DOCKER_HOST = "tcp://127.0.0.1:2375" } }
    assert.equal(0, w:run("hermes").exit)
    assert.equal("http://127.0.0.1:2375/version", (w.runs[1]:requests_to("engine")[1].url:gsub("/images/.*", "/version")))
    w.env.MOLBUILD_DOCKER_API = "0"
    local run = w:run "hermes"
    assert.equal("hit", outcome(run))
    assert.equal(0, #run:requests_to "engine")
    assert.is_true(#run:commands_of("docker", "inspect") > 0)
  end)

  it("calls another verb of the policy", function()
    local w = world {
      fork = 'return { verbs = { hello = "say hello" }, hello = function(args) return "hello " .. args[1] end }',
    }
    local run = w:verb("hello", "you")
    assert.equal(0, run.exit, run.stderr)
    assert.equal("hello you\n", run.stdout)
    assert.equal(2, w:verb("helo", "you").exit)
  end)

  it("calls a single step in a task", function()
    local w = world()
    local tag = w:call(function(ensure)
      local job = ensure.job "hermes"
      job.target_platform, job.sha = "linux/arm64", ("a"):rep(40)
      return ensure.tag(job)
    end)
    assert.equal(IMAGE .. ":aaaaaaaaaaaa-arm64", tag)
    w.forge:fails(500)
    local ok, failure = pcall(w.call, w, function(ensure) return ensure.head(ensure.job "hermes") end)
    assert.is_false(ok)
    assert.equal("remote", failure.kind)
  end)

  it("refuses an option that it does not know, or of another type", function()
    assert.has_error(function() world { repos = {} } end, "molbuild.testing.world: unknown option repos")
    assert.error_matches(function() world { repositores = {} } end, 'did you mean "repositories"?', 1, true)
    assert.error_matches(function() world { env = "x" } end, "the option env must be a table, not a string", 1, true)
    assert.error_matches(function() world().forge:fails "never" end, '"never" is not one of timeout', 1, true)
    assert.error_matches(function() world().engine:fails_after("biuld", "x") end,
      '"biuld" is not one of build, pull, push', 1, true)
  end)

  it("is fresh: secrets, tokens and addresses of another world are not known", function()
    world({ env = { MOLECULE_GITEA_TOKEN = "hermes-is-a-token" } }):run "hermes"
    local run = world():run("hermes", { v = true })
    assert.is_nil(run.stderr:find("***", 1, true))
  end)
end)
