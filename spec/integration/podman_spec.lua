-- The main job with podman instead of docker, by its program and through its service.
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can have a podman of its own here.
if not engines.by_root "podman" then return end

describe("podman", function()
  local w, podman
  local TAG = "molecule-local/workspace-template-hermes:"

  setup(function() podman = engines.podman() end)
  teardown(function() podman:stop() end)

  before_each(function() w = world.new() end)
  after_each(function()
    podman:sh "podman image rm --all --force >/dev/null"
    w:close()
  end)

  --- A PATH on which docker is not.
  local function without_docker()
    local bin = w.dir .. "/bin"
    sh.run("mkdir -p " .. bin)
    for _, name in ipairs { "git", "podman", "sh", "env" } do
      sh.run(("ln -sf $(command -v %s) %s/%s"):format(name, bin, name))
    end
    return bin
  end

  local WAYS = {
    program = function()
      return {
        CONTAINERS_CONF = podman.env.CONTAINERS_CONF, CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF,
      }
    end,
    service = function() return { CONTAINER_HOST = "unix://" .. podman.socket } end,
  }

  local function ensure(env)
    local all = { MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, PATH = without_docker() }
    for name, value in pairs(env) do all[name] = value end
    return w:ensure("hermes", all)
  end

  it("builds again when the branch has moved, and moves :latest", function()
    w:commit("org", "hermes", world.template_files "one")
    assert.equal(0, ensure(WAYS.program()).status)
    local sha = w:commit("org", "hermes", world.template_files "two")
    local run = ensure(WAYS.program())
    assert.equal(TAG .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.equal(podman:sh("podman image inspect -f '{{.Id}}' " .. TAG .. sha:sub(1, 12)),
      podman:sh("podman image inspect -f '{{.Id}}' " .. TAG .. "latest"))
  end)

  it("takes the newest image offline, by its program and through its service", function()
    local sha = w:commit("org", "hermes", world.template_files "one")
    assert.equal(0, ensure(WAYS.program()).status)
    for _, way in pairs(WAYS) do
      local env = way()
      env.MOLECULE_OFFLINE = "1"
      local run = ensure(env)
      assert.equal(TAG .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
      assert.truthy(run.stderr:find("is the newest image of hermes on this machine", 1, true), run.stderr)
    end
  end)

  it("reports a failing build", function()
    local sha = w:commit("org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo so long; exit 3"]\n',
    })
    local run = ensure(WAYS.program())
    assert.equal(8, run.status, run.stderr)
    assert.truthy(run.stderr:find("molbuild: local-build: podman build " .. TAG .. sha:sub(1, 12) .. ": ", 1, true), run.stderr)
    assert.truthy(run.stderr:find("so long", 1, true))
  end)

  for way, environment in pairs(WAYS) do
    it(("(its %s) builds what is not there, and finds it the next time"):format(way), function()
      local sha = w:commit("org", "hermes", world.program_files "by podman")
      local tag = TAG .. sha:sub(1, 12)
      local run = ensure(environment())
      assert.equal(tag .. "\n", run.stdout, run.stderr)
      assert.truthy(run.stderr:find("built\n", 1, true), run.stderr)
      assert.truthy(run.stderr:find("build 3/", 1, true), run.stderr)
      local id = podman:sh("podman image inspect -f '{{.Id}}' " .. tag)
      assert.equal(id, podman:sh("podman image inspect -f '{{.Id}}' " .. TAG .. "latest"))
      assert.equal("by podman", podman:sh(("sh -c 'cat $(podman image mount %s)/bin/says; podman image unmount --all >/dev/null'")
        :format(tag)))
      assert.equal("", podman:sh "podman image ls --format '{{.Repository}}' | grep -v '^localhost/' || true")

      podman:sh("podman image untag " .. TAG .. "latest localhost/" .. TAG .. "latest")
      run = ensure(environment())
      assert.equal(tag .. "\n", run.stdout, run.stderr)
      assert.is_nil(run.stderr:find("built\n", 1, true), run.stderr)
      assert.equal(id, podman:sh("podman image inspect -f '{{.Id}}' " .. TAG .. "latest"))
    end)

    for name, status in pairs(way == "program" and { INT = 130, TERM = 143 } or { INT = 130 }) do
      -- What podman's service has begun, its RUN step, it brings to an end: that is when the step is done.
      local what = way == "program" and "and its RUN step with it" or "except for a RUN step"
      it(("(its %s) is ended by %s, %s"):format(way, name, what), function()
        local seconds = sh.unique_seconds()
        w:commit("org", "hermes", {
          Dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\n"
            .. ('RUN ["/bin/busybox", "sh", "-c", "/bin/busybox sleep %s; true"]\n'):format(seconds),
        })
        local env = { MOLBUILD_DOCKER = "podman" }
        for key, value in pairs(environment()) do env[key] = value end
        local run = w:start({ "run", "ensure.lua", "hermes" }, env)
        local function steps() return sh.processes("busybox sleep " .. seconds) end
        sh.wait_for(function() return #steps() > 0 end)
        run:signal(name)
        local ended = run:wait()
        assert.equal(status, ended.status, ended.stderr)
        if way == "service" then
          sh.kill(steps(), "TERM")
          sh.wait_for(function() return #steps() == 0 end)
        end
        assert.same({}, steps())
        assert.equal("", podman:sh("podman image ls -q " .. TAG .. "latest"))
        assert.equal("", sh.read(w.cache .. "/locks/hermes.lock") or "")
      end)
    end
  end

  it("is missing where it is not on PATH, and git, too", function()
    w:commit("org", "hermes", world.template_files "x")
    for _, tool in ipairs { "podman", "git" } do
      local bin = without_docker()
      sh.run(("rm %s/%s"):format(bin, tool))
      local run = w:ensure("hermes", { MOLBUILD_DOCKER = "podman", PATH = bin })
      assert.equal(3, run.status)
      assert.truthy(run.stderr:find(('"%s" not found on PATH — local-build mode requires both podman and git; either '
        .. "install them, or set MOLECULE_IMAGE_REGISTRY so local-build is bypassed"):format(tool), 1, true), run.stderr)
    end
  end)

  it("whose service cannot be reached ends it before the clone", function()
    w:commit("org", "hermes", world.template_files "x")
    local run = w:ensure("hermes", { MOLBUILD_DOCKER = "podman", CONTAINER_HOST = "unix:///nonexistent/podman.sock" })
    assert.equal(3, run.status, run.stderr)
    assert.truthy(run.stderr:find("hint: start it (for example: sudo systemctl start podman.socket)", 1, true), run.stderr)
    assert.equal(0, #w:requests "git-upload-pack")
  end)

  it("is checked by doctor, with the endpoint", function()
    w:commit("org", "hermes", world.template_files "one")
    local from = { program = "the place that CONTAINERS_CONF names", service = podman.socket .. ", from CONTAINER_HOST" }
    for way, words in pairs(from) do
      local env = { MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, PATH = without_docker() }
      for name, value in pairs(WAYS[way]()) do env[name] = value end
      local result = w:run({ "doctor", "-q", "--output=json", "ensure.lua", "hermes" }, env)
      assert.equal(0, result.status, result.stdout)
      local line = result.stdout:match '"check":"engine","message":"([^"]*)"'
      assert.truthy(line:find "^podman %d" and line:find(words, 1, true), line)
      assert.truthy(result.stdout:find('"status":"ok","check":"platform"', 1, true), result.stdout)
    end
  end)
end)
