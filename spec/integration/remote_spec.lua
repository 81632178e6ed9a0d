-- Engines behind a real sshd: docker's by DOCKER_HOST and by a context, podman's by CONTAINER_HOST.
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local transports = require "spec.support.transports"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes:"

describe("an engine behind ssh", function()
  local w, t

  setup(function()
    w = world.new()
    sh.run("mkdir -p " .. w.dir .. "/repos")
    t = transports.start(w, { env = { DOCKER_HOST = os.getenv "DOCKER_HOST" } })
    sh.run(("mkdir -p %s/.ssh && cp %s/known_hosts %s/.ssh"):format(w.home, t.dir, w.home)) -- podman reads no other file
  end)

  teardown(function()
    world.remove_images()
    t.stop()
    w:close()
  end)

  before_each(function()
    w:again()
    sh.run { "rm", "-f", t.dir .. "/ssh.calls" }
  end)

  local function outcome(env)
    local result = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, env)
    assert.equal(0, result.status, result.stderr)
    return result.stdout:match '"outcome":"(%l+)"', result.stderr
  end

  -- A template whose only RUN lasts; gives the words of that step's command line.
  local function commit_sleep()
    local command = "busybox sleep " .. sh.unique_seconds()
    w:commit("org", "hermes", {
      Dockerfile = ('FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "/bin/%s; true"]\n'):format(command),
    })
    return command
  end

  local function assert_nothing_left(step)
    sh.wait_for(function() return #sh.processes(step) == 0 end, 60, "the step's end")
    sh.wait_for(function() return #sh.processes_with("HOME=" .. w.home) == 0 end, 60, "the end of what the run started")
    assert.equal("", sh.run(("cd %s && find . -path './tmp/*'"):format(w.cache)))
  end

  local function start(env, signal, step)
    local run = w:start({ "run", "ensure.lua", "hermes" }, env)
    sh.wait_for(function() return #sh.processes(step) > 0 end, 120, "the step")
    run:signal(signal)
    return run:wait()
  end

  it("is built on by DOCKER_HOST, and hit by a context, at the cost of one connection", function()
    local sha = w:commit("org", "hermes", world.template_files "remote")
    local path = t.program .. ":" .. w:client "buildkit"
    assert.equal("built", (outcome { PATH = path, DOCKER_HOST = t.server }))
    assert.truthy(docker.image(NAME .. sha:sub(1, 12)))
    local config = w.dir .. "/config"
    sh.run(("env -u DOCKER_HOST DOCKER_CONFIG=%s docker context create remote --docker host=%s"):format(config, t.server))
    sh.run { "rm", t.dir .. "/ssh.calls" }
    assert.equal("hit", (outcome { PATH = path, DOCKER_HOST = false, DOCKER_CONTEXT = "remote", DOCKER_CONFIG = config }))
    local _, calls = sh.read(t.dir .. "/ssh.calls"):gsub("system dial%-stdio", "")
    assert.equal(1, calls)
  end)

  for _, case in ipairs { { "classic", "INT", 130 }, { "buildkit", "TERM", 143 }, { "buildkit", "KILL", 137 } } do
    local builder, signal, status = table.unpack(case)
    it(("has nothing left of a build that %s ends, by the builder %s"):format(signal, builder), function()
      local step = commit_sleep()
      local ended = start({ PATH = t.program .. ":" .. w:client(builder), DOCKER_HOST = t.server }, signal, step)
      assert.equal(status, ended.status, ended.stderr)
      assert_nothing_left(step)
      sh.wait_for(function() return docker.containers() == 0 end, 60, "the container's end")
      assert.same({}, docker.tags "molecule-local/*")
    end)
  end

  it("that ssh does not reach is an error with its words, before the clone", function()
    w:commit("org", "hermes", world.template_files "remote")
    sh.write(t.dir .. "/unknown/ssh", ('#!/bin/sh\nexec %s/ssh -oUserKnownHostsFile=/dev/null "$@"\n'):format(t.program))
    sh.run { "chmod", "+x", t.dir .. "/unknown/ssh" }
    local result = w:ensure("hermes", { PATH = t.dir .. "/unknown:" .. os.getenv "PATH", DOCKER_HOST = t.server })
    assert.equal(3, result.status, result.stderr)
    assert.truthy(result.stderr:find("cannot be reached: ssh to 127.0.0.1: Host key verification failed", 1, true), result.stderr)
    assert.truthy(result.stderr:find("hint: ssh does not know the server's key", 1, true), result.stderr)
    assert.equal(0, #w:requests "git-upload-pack")
  end)

  if sh.run "id -u" ~= "0" then return end -- only root can have a podman of its own here

  describe("of podman", function()
    local podman

    setup(function() podman = engines.podman() end)
    teardown(function() podman:stop() end)
    before_each(function() podman:sh "podman image rm --all --force >/dev/null" end)

    local function env(key)
      return {
        MOLBUILD_DOCKER = "podman", DOCKER_HOST = false, CONTAINER_HOST = t.server .. podman.socket,
        CONTAINER_SSHKEY = key or t.dir .. "/key",
      }
    end

    it("is built on, and hit; without its key it is an error before the clone", function()
      w:commit("org", "hermes", world.template_files "remote")
      local refused = w:ensure("hermes", env "/nonexistent")
      assert.equal(3, refused.status, refused.stderr)
      assert.truthy(refused.stderr:find("hint: name the file of an existing key with CONTAINER_SSHKEY", 1, true), refused.stderr)
      assert.equal(0, #w:requests "git-upload-pack")
      assert.equal("built", (outcome(env())))
      assert.equal("hit", (outcome(env())))
    end)

    it("has no image of a build whose run is killed, once its RUN step has ended", function()
      local step = commit_sleep()
      assert.equal(137, start(env(), "KILL", step).status)
      sh.kill(sh.processes(step), "TERM")
      assert_nothing_left(step)
      assert.equal("", podman:sh("podman image ls -q " .. NAME .. "latest"))
    end)
  end)
end)
