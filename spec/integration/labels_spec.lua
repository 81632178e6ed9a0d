-- The image of a tag: the labels of a built image, and a hit on an image that does not match.
local cjson = require "cjson"
local docker = require "spec.support.docker"
local images = require "spec.support.images"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes:"
local LABEL = "org.opencontainers.image."

--- The client for each builder; see spec/integration/clients_spec.lua.
local PATHS = { classic = os.getenv "PATH", buildkit = "/usr/bin:" .. os.getenv "PATH" }

describe("an image", function()
  local w, sha, tag, served

  before_each(function()
    w = world.new { forge = false }
    sha = w:commit("org", "hermes", world.program_files "right")
    tag = NAME .. sha:sub(1, 12)
    served = "file://" .. w.dir .. "/repos/org/t-"
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function ensure(env)
    env = env or {}
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = served
    local run = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, env)
    assert.equal(0, run.status, run.stderr)
    return cjson.decode(run.stdout), run.stderr
  end

  local function inspect(ref)
    local image = docker.image(ref)
    local labels = image.Config.Labels
    return labels ~= cjson.null and labels or {}, image.Id, image.Architecture
  end

  --- Put another image under the tag, with LABELS; gives its id.
  local function planted(labels)
    images.at(os.getenv "DOCKER_HOST"):load { { tags = { tag }, labels = labels, created = os.time() } }
    return docker.id(tag)
  end

  local function says(ref)
    return docker.file(ref, "/bin/says")
  end

  for builder, path in pairs(PATHS) do
    it("says what it was built from, built by " .. builder, function()
      local before = os.date "!%Y-%m-%dT%H:%M:%SZ"
      local result, stderr = ensure { PATH = path }
      assert.equal("built", result.outcome)
      assert.equal(builder == "classic", stderr:find("building with the classic builder", 1, true) ~= nil)
      local labels = inspect(tag)
      assert.is_true(before <= labels[LABEL .. "created"] and labels[LABEL .. "created"] <= os.date "!%Y-%m-%dT%H:%M:%SZ")
      labels[LABEL .. "created"] = nil
      assert.same({
        [LABEL .. "revision"] = sha, [LABEL .. "source"] = served .. "hermes", ["app.molecule.runtime"] = "hermes",
        ["app.molecule.branch"] = "main",
      }, labels)
      -- It is the one that is asked for: the next run finds it.
      assert.equal("hit", ensure({ PATH = path }).outcome)
    end)

    it("of another revision is built again, with a warning, by " .. builder, function()
      local other = sha:sub(1, 12) .. ("0"):rep(28)
      local wrong = planted { [LABEL .. "revision"] = other }
      local result, stderr = ensure { PATH = path }
      local words = ("%s: it was built from the revision %s, not %s — building it again"):format(tag, other, sha)
      assert.equal(1, select(2, stderr:gsub(words:gsub("%p", "%%%0"), "")), stderr)
      local labels, id = inspect(tag)
      assert.same({ "built", id }, { result.outcome, result.image_id })
      assert.are_not.equal(wrong, id)
      assert.equal(sha, labels[LABEL .. "revision"])
      assert.same({ "right\n", id }, { says(tag), docker.id(NAME .. "latest") })
    end)

    it("of another platform is built again, with a warning, by " .. builder, function()
      -- Built here: the classic builder has its layers in the cache then, and would take them.
      ensure { PATH = path, MOLECULE_IMAGE_PLATFORM = "linux/arm64" }
      docker.tag(tag .. "-arm64", tag)
      assert.equal("arm64", select(3, inspect(tag)))
      local result, stderr = ensure { PATH = path }
      local words = tag .. ": it is for the platform linux/arm64, not linux/amd64 — building it again"
      assert.truthy(stderr:find(words, 1, true), stderr)
      assert.same({ "built", "amd64" }, { result.outcome, select(3, inspect(tag)) })
      assert.equal("right", sh.run("docker run --rm --network none " .. tag))
    end)
  end

  -- The classic builder's cache does not tell platforms apart. The busybox in it is this machine's, and runs.
  for what, line in pairs { ["with no step that runs"] = "", ["with one"] = 'RUN ["/bin/busybox", "true"]\n' } do
    it("of one platform is made of no layer of another's, " .. what, function()
      local files = world.program_files "right"
      files.Dockerfile = files.Dockerfile .. line
      for _, pair in ipairs { { "arm64", "amd64" }, { "amd64", "arm64" } } do
        files.says = pair[1] .. " comes first\n"
        w:commit("org", "hermes", files)
        for _, architecture in ipairs(pair) do
          local result = ensure { PATH = PATHS.classic, MOLECULE_IMAGE_PLATFORM = "linux/" .. architecture }
          assert.same({ "built", architecture }, { result.outcome, select(3, inspect(result.image)) })
        end
      end
    end)
  end

  -- By the engine's API, and by the program.
  for api, ask in pairs { ["its API"] = {}, docker = { MOLBUILD_DOCKER_API = "0" } } do
    it("without labels is accepted, asked for by " .. api, function()
      local id = planted {}
      assert.same({}, (inspect(tag)))
      local result, stderr = ensure(ask)
      assert.same({ "hit", id }, { result.outcome, result.image_id }, stderr)
      assert.is_nil(stderr:find("again", 1, true), stderr)
      assert.equal(id, docker.id(NAME .. "latest"))
    end)

    it("of another revision is found out, asked for by " .. api, function()
      planted { [LABEL .. "revision"] = "v1" }
      -- The question that is asked ahead of time is for this name.
      docker.tag(tag, NAME .. "latest")
      local result, stderr = ensure(ask)
      assert.truthy(stderr:find("it was built from the revision v1, not " .. sha, 1, true), stderr)
      assert.same({ "built", "right\n" }, { result.outcome, says(tag) })
    end)
  end
end)
