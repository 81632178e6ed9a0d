-- What images are called: by platform, by caller, by runtime; and what is asked of whom before one is.
local cjson = require "cjson"
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes:"

describe("the name of an image", function()
  local w, sha, prefix, own

  before_each(function()
    w = world.new { forge = false }
    sha = w:commit("org", "hermes", world.program_files "hello")
    prefix = "file://" .. w.dir .. "/repos/org/t-"
    own = docker.architecture()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function ensure(env, script)
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX or prefix
    return w:run({ "run", script or "ensure.lua", "hermes" }, env)
  end

  local function tags()
    local list = {}
    for index, tag in ipairs(docker.tags(NAME:sub(1, -2))) do list[index] = tag:sub(#NAME + 1) end
    return list
  end

  local function gives(tag, env, script)
    local run = ensure(env, script)
    assert.equal(NAME .. tag .. "\n", run.stdout, run.stderr)
    return run
  end

  it("ends in the engine's architecture when the platform is native, on a build and on a hit", function()
    local tag = sha:sub(1, 12) .. "-" .. own
    for _, builder in ipairs { "buildkit", "classic" } do
      world.remove_images()
      local run = gives(tag, { MOLECULE_IMAGE_PLATFORM = "native", PATH = w:client(builder) })
      assert.is_nil(run.stderr:find("emulated", 1, true))
      assert.equal("hello", sh.run("docker run --rm --network none " .. NAME .. tag))
      run = gives(tag, { MOLECULE_IMAGE_PLATFORM = "native", PATH = w:client(builder) })
      assert.is_nil(run.stderr:find("building", 1, true), run.stderr)
    end
  end)

  it("ends in the architecture of linux/amd64, too, with MOLECULE_IMAGE_TAG_ARCH=always; :latest does not", function()
    gives(sha:sub(1, 12) .. "-amd64", { MOLECULE_IMAGE_TAG_ARCH = "always" })
    assert.same({ sha:sub(1, 12) .. "-amd64", "latest" }, tags())
    assert.equal(2, ensure({ MOLECULE_IMAGE_TAG_ARCH = "never" }).status)
  end)

  it("is what ensure-native.lua says: native, always, and four runtimes", function()
    gives(sha:sub(1, 12) .. "-" .. own, {}, "ensure-native.lua")
    local run = w:run({ "run", "ensure-native.lua", "langgraph" }, {})
    assert.equal(2, run.status)
    assert.truthy(run.stderr:find("must be one of claude-code, codex, hermes, openclaw", 1, true), run.stderr)
  end)

  it("leaves :latest to linux/amd64: another platform has its own, and says that it is emulated", function()
    gives(sha:sub(1, 12), {})
    local id = docker.id(NAME .. "latest")
    -- No step runs in it, so that no emulator is needed.
    local run = gives(sha:sub(1, 12) .. "-s390x", { MOLECULE_IMAGE_PLATFORM = "linux/s390x", PATH = w:client "buildkit" })
    local words = ("linux/s390x is emulated on this engine, which is linux/%s: a build is slow and may fail; "
      .. "MOLECULE_IMAGE_PLATFORM=native builds for the engine's own platform"):format(own)
    local _, count = run.stderr:gsub(words:gsub("%p", "%%%0"), "")
    assert.equal(1, count, run.stderr)
    assert.equal(id, docker.id(NAME .. "latest"))
    assert.same({ sha:sub(1, 12), sha:sub(1, 12) .. "-s390x", "latest", "latest-s390x" }, tags())
  end)

  it("ends in the caller's isolation, so that two callers do not share images", function()
    gives(sha:sub(1, 12) .. "--ci-7", { MOLECULE_LOCAL_IMAGE_ISOLATION = " ci-7\n" })
    assert.same({ sha:sub(1, 12) .. "--ci-7", "latest--ci-7" }, tags())
    gives(sha:sub(1, 12) .. "-" .. own .. "--ci-8",
      { MOLECULE_LOCAL_IMAGE_ISOLATION = "ci-8", MOLECULE_IMAGE_PLATFORM = "native" })
    gives(sha:sub(1, 12), { MOLECULE_LOCAL_IMAGE_ISOLATION = "" })
  end)

  it("is refused before any lock, request or tag when the isolation is no part of one", function()
    for _, bad in ipairs { "Upper", "-dash", ("x"):rep(49), "a b", "a/b" } do
      local run = ensure { MOLECULE_LOCAL_IMAGE_ISOLATION = bad, DOCKER_HOST = "unix:///nonexistent" }
      assert.same({ 2, "" }, { run.status, run.stdout }, run.stderr)
      assert.truthy(run.stderr:find('molbuild: local-build: MOLECULE_LOCAL_IMAGE_ISOLATION "' .. bad, 1, true), run.stderr)
      assert.is_nil(sh.read(w.cache .. "/locks/hermes.lock"))
    end
    assert.same({}, tags())
  end)
end)

describe("settings of one runtime", function()
  local w

  before_each(function() w = world.new() end)
  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function fork(lines)
    local path = w.dir .. "/fork.lua"
    sh.write(path, 'local ensure = molbuild.load "ensure.lua"\n' .. lines .. "\nreturn ensure\n")
    return path
  end

  it("are its branch, its arguments and its labels", function()
    w:commit("org", "hermes", world.template_files "main")
    local files = world.template_files "next"
    files.Dockerfile = files.Dockerfile .. "ARG WHO=unknown\nLABEL who=$WHO\n"
    local sha = w:commit("org", "hermes", files, "next")
    local run = w:run { "run", "-v", fork [[
ensure.per_runtime.hermes = {
  branch = "next", build_args = { WHO = "hermes" }, labels = { ["org.example.x"] = "y" },
}]], "hermes" }
    assert.equal(NAME .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    local labels = docker.image(NAME .. sha:sub(1, 12)).Config.Labels
    assert.same({ "hermes", "y" }, { labels.who, labels["org.example.x"] })
    assert.truthy(run.stderr:find(("building %s%s from %s/org/t-hermes at %s for linux/amd64"):format(NAME, sha:sub(1, 12),
      w.http, sha), 1, true), run.stderr)
    for _, tool in ipairs { "docker", "git" } do -- with -v
      assert.truthy(run.stderr:find("\nlocal%-build: " .. tool .. " is /%S*/" .. tool .. "\n"), run.stderr)
    end
  end)

  it("are its repository, which gets no token that is meant for the prefix's origin", function()
    local sha = w:commit("other", "mine", world.template_files "mine")
    local before = #w:requests "/other/t-mine"
    local path = fork(("ensure.per_runtime.hermes = { repo_url = %q }"):format(w.http .. "/other/t-mine"))
    local run = w:run({ "run", path, "hermes" },
      { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://forge.example/o/t-", MOLECULE_GITEA_TOKEN = w.token })
    assert.equal(NAME .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    local requests = w:requests "/other/t-mine"
    assert.is_true(#requests > before)
    for _, line in ipairs(requests) do -- whether it came with credentials is the seventh field
      assert.equal("no", line:match(("[^\t]*\t"):rep(6) .. "([^\t]*)"), line)
    end
    run = w:run({ "run", fork 'ensure.per_runtime.hermes = { repo_url = "https://h/" }', "hermes" }, {})
    assert.truthy(run.stderr:find("per_runtime.hermes.repo_url", 1, true), run.stderr)
  end)

  it("that are unknown are the fork's mistake: exit 70, one line, and nothing is asked", function()
    local run = w:run { "run", fork "ensure.per_runtime.hermes = { ceilng = 5 }", "hermes" }
    assert.same({ 70, "" }, { run.status, run.stdout })
    local message = 'per_runtime.hermes.ceilng: no such setting; did you mean "ceiling"? (one of '
    assert.truthy(run.stderr:find(message, 1, true), run.stderr)
    assert.is_nil(run.stderr:find("traceback", 1, true), run.stderr)
    assert.same({}, w:requests "hermes")
  end)

  it("are shown by molbuild settings, where each comes from", function()
    local path = fork "ensure.stall = 99\nensure.per_runtime.hermes = { ceiling = 1800 }"
    local run = w:run({ "settings", path, "hermes" },
      { MOLECULE_IMAGE_PLATFORM = "linux/arm64", MOLECULE_GITEA_TOKEN = "hunter2hunter2" })
    assert.equal(0, run.status, run.stderr)
    for _, line in ipairs {
      "ceiling +1800 +fork per_runtime.hermes.ceiling", "stall +99 +fork", "branch +main +default",
      "platform +linux/arm64 +variable MOLECULE_IMAGE_PLATFORM", "token +%(set%) +variable MOLECULE_GITEA_TOKEN",
    } do
      assert.truthy(run.stdout:find("\n" .. line .. "\n"), line .. "\n" .. run.stdout)
    end
    assert.is_nil(run.stdout:find "hunter2")
    run = w:run { "settings", "--output=json", path }
    for line in run.stdout:gmatch "[^\n]+" do assert.is_string(cjson.decode(line).name) end
    assert.equal(2, w:run({ "settings", path, "unknown" }).status)
    assert.equal(2, w:run({ "settings" }).status)
  end)
end)

describe("an error about a bound", function()
  local w

  before_each(function() w = world.new() end)
  after_each(function() w:close() end)

  it("names the setting that holds it", function()
    local files = world.template_files "x"
    files.Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "600"]\n'
    w:commit("org", "hermes", files)
    local run = w:bound_build("hermes", { MOLECULE_BUILD_CEILING_S = "2" })
    assert.equal(9, run.status)
    assert.truthy(run.stderr:find("docker took longer than 2 s (MOLECULE_BUILD_CEILING_S)", 1, true), run.stderr)
    run = w:bound_build("hermes", { MOLECULE_BUILD_STALL_GRACE_S = "2" })
    assert.truthy(run.stderr:find("docker was silent for 2 s (MOLECULE_BUILD_STALL_GRACE_S)", 1, true), run.stderr)
    run = w:ensure("hermes", { MOLECULE_TEMPLATE_MAX_FILES = "1" })
    assert.truthy(run.stderr:find("more than 1 files and directories (MOLECULE_TEMPLATE_MAX_FILES)", 1, true), run.stderr)
  end)
end)
