-- What the building programs read of a tree on this machine: links inside it are followed by all of them, and by none out of it.
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local root = sh.run "id -u" == "0" -- only root can have a podman of its own here
local NAME = "molecule-local/workspace-template-hermes:latest"

describe("a template of links", function()
  local w, podman

  setup(function()
    w = world.new { forge = false }
    podman = root and engines.podman()
  end)
  teardown(function()
    world.remove_images()
    if podman then podman:stop() end
    w:close()
  end)

  local WAYS = {
    classic = function() return { PATH = w:client "classic", DOCKER_BUILDKIT = "0" } end,
    buildkit = function() return { PATH = w:client "buildkit" } end,
  }
  if root then
    WAYS.podman = function()
      return {
        MOLBUILD_DOCKER = "podman", CONTAINERS_CONF = podman.env.CONTAINERS_CONF,
        CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF,
      }
    end
    WAYS["podman's service"] = function()
      return { MOLBUILD_DOCKER = "podman", CONTAINER_HOST = "unix://" .. podman.socket }
    end
  end

  local function ensure(way, files, before)
    local env = WAYS[way]()
    w.runs_of_spec = (w.runs_of_spec or 0) + 1
    local org = "org" .. w.runs_of_spec
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("file://%s/repos/%s/t-"):format(w.dir, org)
    w:commit(org, "hermes", files, "main", before)
    return w:run({ "run", "ensure.lua", "hermes" }, env)
  end

  --- The names below /all in the image.
  local function files_of(way)
    if way:find "podman" then
      return podman:sh(("sh -c 'ls -A $(podman image mount %s)/all | xargs; podman image unmount --all >/dev/null'"):format(NAME))
    end
    return sh.run(("docker run --rm --network none --entrypoint /busybox %s ls -A /all | xargs"):format(NAME))
  end

  for way in pairs(WAYS) do
    it("that stay inside it is built as it says, by " .. way, function()
      local run = ensure(way, { says = "x\n", [".gitignore"] = "*.log\n", ["secret.log"] = "x\n" }, [[
        mkdir -p docker/prod && printf 'FROM scratch\nCOPY busybox /busybox\nCOPY . /all\n' >docker/prod/Dockerfile
        ln -sf docker/current/Dockerfile Dockerfile && ln -s prod docker/current && ln -s .gitignore .dockerignore]])
      assert.equal(0, run.status, run.stderr)
      local files = " " .. files_of(way) .. " "
      for _, name in ipairs { "says", "docker", ".gitignore" } do
        assert.truthy(files:find(" " .. name .. " ", 1, true), files)
      end
      assert.is_nil(files:find(" secret.log ", 1, true), files)
    end)
  end

  -- The other files that each program reads are in spec/build_files_spec.lua.
  for way, name in pairs { podman = root and ".containerignore" or nil, buildkit = "Dockerfile.dockerignore" } do
    it(("whose %s leads to a file of this machine is refused, for %s"):format(name, way), function()
      sh.write(w.dir .. "/private", "says\n")
      local run = ensure(way, world.template_files "x", ("ln -s %s/private %s"):format(w.dir, name))
      assert.equal(7, run.status, run.stderr)
      assert.truthy(run.stderr:find(("%s is a link (to %s/private) that leads out of the tree"):format(name, w.dir), 1, true),
        run.stderr)
    end)
  end

  it("whose .containerignore leads to a file of this machine is built by docker, which does not read it", function()
    local run = ensure("buildkit", world.template_files "x", "ln -s /etc/passwd .containerignore")
    assert.equal(0, run.status, run.stderr)
    assert.truthy(run.stderr:find("docker does not follow them: .containerignore -> /etc/passwd", 1, true), run.stderr)
  end)
end)
