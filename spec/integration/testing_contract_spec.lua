-- The fakes of molbuild.testing against the real parts: the same runs of the shipped policy, with a real forge, git and engine, and
-- in a test's world, have the same outcomes, errors and events.
local cjson = require "cjson"
local molbuild = require "molbuild"
local world = require "spec.support.world"

local TEMPLATE = world.template_files "hello"
-- A child's output, and the number of signs of life, differ from run to run.
local UNTOLD = { line = true, alive = true, log = true }
local STEPS_FAIL = 'FROM scratch\nCOPY busybox /bin/sh\nRUN echo from the build; exit 3\n'

describe("a run in a world and a real one", function()
  local w

  setup(function() w = world.new() end)
  before_each(function() w:again() end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  --- What does not depend on the place: without commits, the forge's address, directories, times and ids.
  local function plain(text)
    for _, pair in ipairs {
      { "%x+%x%x%x%x%x%x%x%x%x%x%x", "SHA" }, { w.http:gsub("%p", "%%%0"), "FORGE" }, { " /[%w_./-]*/%l+/SHA", " DIR/SHA" },
      { "unix://[%w_./-]+", "SOCKET" }, { "%d+%.?%d* ?m?s%f[%W]", "TIME" },
      -- Both are BuildKit's, of two versions.
      { 'ERROR: failed to solve: process "(.-)" did not complete successfully: exit code', "RUN %1 failed" },
      { "executor failed running %[(.-)%]: exit code", "RUN %1 failed" },
    } do
      text = text:gsub(pair[1], pair[2])
    end
    return text
  end

  -- Where a request finds no answer, what follows the address is libcurl's or git's, which differs between versions.
  local function without_reason(message)
    return message:match "^(.-https?://[^ ]+): " or message:match "^(.-FORGE[^ ]*): " or message
  end

  local function summary(events, results, status, how)
    local list, steps = {}, {}
    for _, event in ipairs(events) do
      if event.event == "progress" then
        steps[#steps + 1] = ("%d/%d %s"):format(event.done, event.total, event.text)
      elseif not UNTOLD[event.event] then
        list[#list + 1] = event.event .. (event.step and " " .. event.step or "")
      end
    end
    local result = results[1] or {}
    local error_ = result.error or {}
    local message = error_.message and plain(error_.message)
    return {
      exit = status, outcome = result.outcome, events = table.concat(list, "\n"), progress = table.concat(steps, "\n"),
      kind = error_.kind, retry = error_.retry, hint = error_.hint and plain(error_.hint),
      message = message and (how.reason == false and without_reason(message) or message),
    }
  end

  local function objects(text)
    local list = {}
    for line in text:gmatch "[^\n]+" do list[#list + 1] = cjson.decode(line) end
    return list
  end

  local function real(env, how)
    local run = w:run({ "run", "--progress=json", "--output=json", "ensure.lua", how.runtime or "hermes" }, env)
    return summary(objects(run.stderr), objects(run.stdout), run.status, how)
  end

  local function fake(in_world, how)
    local run = in_world:run(how.runtime or "hermes", { output = "json", jobs = 1 })
    return summary(run.events, objects(run.stdout), run.exit, how)
  end

  --- A world with the real one's settings.
  local function like(env, options)
    options = options or {}
    options.policy = "scripts/ensure.lua"
    options.env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/org/t-" }
    for name, value in pairs(env or {}) do
      options.env[name] = name ~= "PATH" and name ~= "DOCKER_HOST" and value or nil
    end
    options.engine = options.engine or { builder = "buildkit" }
    return molbuild.testing.world(options)
  end

  local function assert_same(env, in_world, how)
    how = how or {}
    local expected = real(env, how)
    assert.same(expected, fake(in_world, how))
    return expected
  end

  it("build, and find the image again", function()
    w:commit("org", "hermes", TEMPLATE)
    local in_world = like(nil, { repositories = { ["t-hermes"] = TEMPLATE } })
    assert.equal("built", assert_same(nil, in_world).outcome)
    assert.equal("hit", assert_same(nil, in_world).outcome)
    w:commit("org", "hermes", world.template_files "more")
    in_world.forge:push("t-hermes", world.template_files "more")
    assert.equal("built", assert_same(nil, in_world).outcome)
  end)

  for _, lookup in ipairs { "gitea", "git" } do
    local env = { MOLECULE_HEAD_LOOKUP = lookup }

    it("miss a repository and a branch, looked up by " .. lookup, function()
      local runtime = lookup == "git" and "codex" or "openclaw" -- repositories stay from test to test
      local how = { runtime = runtime, reason = lookup == "gitea" }
      assert.equal("not_found", assert_same(env, like(env, { repositories = {} }), how).kind)
      w:commit("org", runtime, TEMPLATE, "other")
      local in_world = like(env, { repositories = { ["t-" .. runtime] = { other = TEMPLATE } } })
      assert.equal("not_found", assert_same(env, in_world, how).kind)
    end)

    it("are asked for a token, with none, a wrong one and the right one, looked up by " .. lookup, function()
      w:commit("private", "hermes", TEMPLATE)
      for token, kind in pairs { [""] = "auth", ["not-the-token-at-all"] = "auth", [w.token] = false } do
        local all = {
          MOLECULE_HEAD_LOOKUP = lookup, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-",
          MOLECULE_GITEA_TOKEN = token,
        }
        local in_world = like(all, {
          repositories = { ["t-hermes"] = TEMPLATE }, forge = { private = true, token = w.token },
        })
        assert.equal(kind or nil, assert_same(all, in_world, { reason = lookup == "gitea" }).kind)
      end
    end)

    it("find no server, looked up by " .. lookup, function()
      local all = { MOLECULE_HEAD_LOOKUP = lookup, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "http://127.0.0.1:1/org/t-" }
      local in_world = like(all)
      in_world.forge:fails "connect"
      assert.equal("remote", assert_same(all, in_world, { reason = false }).kind)
    end)
  end

  it("are answered with a status, temporarily and permanently", function()
    w:commit("org", "hermes", TEMPLATE)
    local in_world = like(nil, { repositories = { ["t-hermes"] = TEMPLATE } })
    w:answer(503, '{"message":"set by the test"}', "hermes", 2)
    in_world.forge:fails(503, 2)
    assert.matches("retry head\nretry head", assert_same(nil, in_world).events, 1, true)
    w:answer(500, '{"message":"set by the test"}', "hermes")
    in_world.forge:fails(500)
    assert.equal("remote", assert_same(nil, in_world).kind)
    w:answer(200, "<html>log in</html>", "hermes")
    in_world.forge:recovers()
    in_world.forge:fails { status = 200, body = "<html>log in</html>" }
    assert.equal("remote", assert_same(nil, in_world).kind)
  end)

  for _, builder in ipairs { "classic", "buildkit" } do
    it("reach a RUN that fails, with the builder " .. builder, function()
      local files = { Dockerfile = STEPS_FAIL }
      w:commit("org", "hermes", files)
      local env = { PATH = w:client(builder) }
      local in_world = like(env, { repositories = { ["t-hermes"] = files }, engine = { builder = builder } })
      in_world.engine:builds { prints = "from the build", exit = 3 }
      local ended = assert_same(env, in_world)
      assert.equal("build", ended.kind)
      assert.equal(8, ended.exit)
    end)
  end

  it("get a template that cannot be built", function()
    for dockerfile, files in pairs { [false] = { says = "x" }, ["/etc/passwd"] = { says = "y" } } do
      w:commit("org", "hermes", files, nil, dockerfile and "ln -s /etc/passwd Dockerfile" or "rm -f Dockerfile")
      local tree = { says = files.says, Dockerfile = dockerfile and { link = dockerfile } or nil }
      assert.equal("template", assert_same(nil, like(nil, { repositories = { ["t-hermes"] = tree } })).kind)
    end
  end)

  it("find no engine", function()
    w:commit("org", "hermes", TEMPLATE)
    local env = { DOCKER_HOST = "unix:///nonexistent/docker.sock" }
    local in_world = like(nil, { repositories = { ["t-hermes"] = TEMPLATE } })
    in_world.engine:fails "unreachable"
    assert.equal("missing_tool", assert_same(env, in_world, { reason = false }).kind:gsub(":.*", ""))
  end)

  it("pull what cannot be reached", function()
    local env = { MOLECULE_IMAGE_REGISTRY = "127.0.0.1:1/x", MOLECULE_IMAGE_PULL = "missing" }
    local in_world = like(env)
    in_world.engine:fails_after("pull", "no network")
    local function shortened(ended)
      ended.message = ended.message:match "^docker pull [^ ]+"
      return ended
    end
    assert.same(shortened(real(env, {})), shortened(fake(in_world, {})))
  end)
end)
