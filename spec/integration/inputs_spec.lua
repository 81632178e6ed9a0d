-- Two commits that differ in a declared input alone give images of different content, whichever program builds them.
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes:"

--- A template that installs what RUNTIME_VERSION says, as the real ones do.
local function files(version)
  return {
    [".runtime-version"] = version,
    Dockerfile = table.concat({
      "FROM scratch", "COPY busybox /bin/busybox", "ARG RUNTIME_VERSION=none",
      'RUN ["/bin/busybox", "sh", "-c", "echo $RUNTIME_VERSION >/runtime"]', 'CMD ["/bin/busybox", "cat", "/runtime"]', "",
    }, "\n"),
  }
end

describe("a template's .runtime-version", function()
  local w

  before_each(function() w = world.new { forge = false } end)
  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function ensure(env, script)
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/repos/org/t-"
    return w:run({ "run", script or "ensure.lua", "hermes" }, env)
  end

  local function moves(env, says)
    for _, version in ipairs { "0.4.88", "0.4.89" } do
      local sha = w:commit("org", "hermes", files("hermes@v" .. version .. "\n"))
      local run = ensure(env)
      assert.equal(NAME .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
      assert.truthy(run.stderr:find("RUNTIME_VERSION=" .. version .. " from .runtime-version", 1, true), run.stderr)
      assert.equal(version, says(run.stdout:gsub("\n", "")))
    end
  end

  for _, builder in ipairs { "buildkit", "classic" } do
    it("that moves alone gives another image, built by " .. builder, function()
      local path = w:client(builder)
      moves({ PATH = path }, function(tag)
        local version = docker.file(tag, "/runtime"):gsub("\n$", "")
        assert.equal(version, docker.image(tag).Config.Labels["app.molecule.runtime-version"])
        return version
      end)
    end)
  end

  it("that moves alone gives another image, built by podman", function()
    local podman = engines.podman()
    local env = { MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, CONTAINERS_CONF = podman.env.CONTAINERS_CONF,
      CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF }
    local ok, failure = pcall(moves, env, function(tag)
      return podman:sh(("podman image inspect -f '{{index .Config.Labels %q}}' %s"):format("app.molecule.runtime-version", tag))
    end)
    -- What the layer holds, not only what the label says: each version has a top layer of its own.
    local layers = ok and podman:sh "podman images -q | sort -u | xargs podman image inspect -f '{{json .RootFS.Layers}}' | sort -u"
    podman:stop()
    assert.is_true(ok, tostring(failure))
    local _, count = (layers .. "\n"):gsub("\n", "")
    assert.equal(2, count, layers)
  end)

  it("that holds no version gives a warning and no argument, and the build continues", function()
    local sha = w:commit("org", "hermes", files "${RUNTIME_VERSION}\n")
    local run = ensure {}
    local tag = NAME .. sha:sub(1, 12)
    assert.equal(tag .. "\n", run.stdout, run.stderr)
    assert.truthy(run.stderr:find('"${RUNTIME_VERSION}" is not a version', 1, true), run.stderr)
    assert.equal("none\n", docker.file(tag, "/runtime"))
  end)

  it("is overridden by a fork, which may declare inputs of its own", function()
    local fork = w.dir .. "/fork.lua"
    sh.write(fork, [[
local ensure = molbuild.load "ensure.lua"
ensure.inputs["conf/.pin"] = "PIN"
ensure.per_runtime.hermes = { build_args = { RUNTIME_VERSION = "9.9" } }
function ensure.check() end -- one of its own, which reads none
return ensure
]])
    local template = files "0.4.89\n"
    template.Dockerfile = template.Dockerfile:gsub("=none\n", "=none\nARG PIN=none\n"):gsub("%$RUNTIME_VERSION", "%0 $PIN")
    local sha = w:commit("org", "hermes", template, nil, "mkdir -p conf && echo v3 >conf/.pin")
    local run = ensure({}, fork)
    assert.equal(0, run.status, run.stderr)
    assert.equal("9.9 3\n", docker.file(NAME .. sha:sub(1, 12), "/runtime"))
    assert.truthy(run.stderr:find("RUNTIME_VERSION=9.9 from the policy, not 0.4.89 from .runtime-version", 1, true), run.stderr)
    assert.truthy(run.stderr:find("PIN=3 from conf/.pin", 1, true), run.stderr)
  end)
end)
