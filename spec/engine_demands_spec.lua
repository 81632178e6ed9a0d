-- What a build demands of its builder: the arguments, and what each builder would ignore. With real ones:
-- integration/demands_spec.lua.
local demands = require "molbuild.engine.demands"
local errors = require "molbuild.base.errors"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local words = require "molbuild.engine.words"

-- An engine whose program prints INFO, by format.
local function engine(fields, info)
  local made = { asked = {} }
  for name, value in pairs(fields) do made[name] = value end
  function made.run(_, argv)
    made.asked[#made.asked + 1] = argv[3]
    local text = (info or {})[argv[3]]
    return { code = text and 0 or 1, stdout = text and text .. "\n", tail = text or "the engine is gone" }
  end
  return made
end

local LIMITED = { ["{{.MemoryLimit}}"] = "true", ["{{and .CPUCfsQuota .CPUCfsPeriod}}"] = "true" }
local UNLIMITED = { ["{{.MemoryLimit}}"] = "false", ["{{and .CPUCfsQuota .CPUCfsPeriod}}"] = "false" }
local REMOTE, CONTROLLERS = "{{.Host.ServiceIsRemote}}", "{{.Host.CgroupControllers}}"
local SECRETS = { pip = { env = "SPEC_PIP" } }

local function buildkit() return engine { has_buildx = true } end
local function old() return engine {} end
local function classic(info) return engine({ has_no_buildkit = true }, info or LIMITED) end
local function podman(remote, controllers)
  return engine({ podman = true }, { [REMOTE] = remote, [CONTROLLERS] = controllers })
end

describe("what a build demands", function()
  local function arguments(options, paths)
    return table.concat(demands.arguments(demands.normal(options), paths or {}), " ")
  end

  it("are no arguments when it is nothing", function()
    for _, options in ipairs { {}, { secrets = {}, ssh = {} }, { network = "default" } } do
      assert.equal("", arguments(options))
    end
    assert.is_false(demands.any { secrets = {}, labels = { a = "b" } })
    assert.is_true(demands.any { secrets = SECRETS })
  end)

  it("are arguments without a value of a secret", function()
    assert.equal("--secret id=npm,src=/proc/self/fd/8 --secret id=pip,src=/proc/self/fd/7",
      arguments({ secrets = { pip = { env = "A" }, npm = { file = "/b" } } },
        { pip = "/proc/self/fd/7", npm = "/proc/self/fd/8" }))
    assert.equal("--ssh default --ssh git=/run/key --memory=2147483648 --cpu-period=100000 --cpu-quota=150000 --network=none "
      .. "--target=dev",
      arguments { ssh = { "default", "git=/run/key" }, memory = "2g", cpus = "1.5", network = "none", target = "dev" })
  end)

  it("is checked as in a policy", function()
    local ok, failure = pcall(demands.normal, { memory = "lots" })
    assert.is_false(ok)
    assert.truthy(failure.message:find('memory must be an amount of memory of at least 6m', 1, true), failure.message)
  end)

  local function check(of, kind, options) return pcall(demands.check_builder, of, kind, demands.normal(options)) end

  it("is what the builder can do", function()
    for _, case in ipairs {
      { buildkit(), "buildkit", { secrets = SECRETS, ssh = "default", network = "none", target = "x" } },
      { old(), "buildkit", { secrets = SECRETS, ssh = "default", network = "host", target = "x" } },
      { classic(), "classic", { memory = "2g", cpus = 1, network = "none", target = "x" } },
      { podman("false", "[cpuset cpu memory pids]"), "classic",
        { secrets = SECRETS, ssh = "default", memory = "2g", cpus = 1, network = "none", target = "x" } },
    } do
      assert.same({ true }, { check(case[1], case[2], case[3]) })
    end
  end)

  it("asks the engine for limits alone, and once", function()
    local of = classic()
    check(of, "classic", { network = "none", target = "x" })
    assert.same({}, of.asked)
    for _ = 1, 2 do check(of, "classic", { memory = "2g" }) end
    assert.same({ "{{.MemoryLimit}}" }, of.asked)
  end)

  for _, case in ipairs {
    { "secrets by the classic builder", classic(), "classic", { secrets = SECRETS },
      "secrets cannot be used: the classic builder ignores it: install the package docker-buildx or docker-buildx-plugin, "
        .. "or build with podman (MOLBUILD_DOCKER=podman)" },
    { "ssh by the classic builder", classic(), "classic", { ssh = "default" },
      "ssh cannot be used: the classic builder ignores it: install" },
    { "secrets with DOCKER_BUILDKIT=0", buildkit(), "classic", { secrets = SECRETS },
      "the classic builder ignores it: unset DOCKER_BUILDKIT, so that BuildKit builds" },
    { "secrets through podman's service", podman("true", "[cpu memory]"), "classic", { secrets = SECRETS },
      "secrets cannot be used: podman's service would get it as a file of the build's context: let podman build without a "
        .. "service (unset CONTAINER_HOST)" },
    { "ssh through podman's service", podman("true", "[cpu memory]"), "classic", { ssh = "default" }, "podman's service" },
    { "secrets of a podman that does not answer", podman(nil, nil), "classic", { secrets = SECRETS }, "the engine is gone" },
    { "memory by BuildKit", buildkit(), "buildkit", { memory = "2g" },
      "memory cannot be used: BuildKit has no limit for a build, and ignores it: limit a builder (docker buildx create" },
    { "cpus by the BuildKit inside older clients", old(), "buildkit", { cpus = 1 }, "cpus cannot be used: BuildKit has no limit" },
    { "memory on an engine without control groups", classic(UNLIMITED), "classic", { memory = "2g" },
      "memory cannot be used: the engine cannot limit it here, and ignores it (docker info)" },
    { "cpus on an engine without control groups", classic(UNLIMITED), "classic", { cpus = 1 }, "cpus cannot be used" },
    { "memory of an engine that does not answer", classic {}, "classic", { memory = "2g" }, "the engine is gone" },
    { "memory by a podman without that controller", podman("false", "[]"), "classic", { memory = "2g" },
      "memory cannot be used: podman has no control group for it here" },
    { "cpus by a podman with another controller", podman("false", "[cpuset memory]"), "classic", { cpus = 1 },
      "cpus cannot be used: podman has no control group for it here" },
  } do
    it("is never ignored: " .. case[1], function()
      local ok, failure = check(case[2], case[3], case[4])
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "usage"))
      assert.truthy(failure.message:find(case[5], 1, true), failure.message)
    end)
  end
end)

describe("a key of ssh, or an agent", function()
  local env = require "molbuild.base.env"
  local get = env.get

  after_each(function() env.get = get end)

  local function check(ssh, agent)
    env.get = function(name, default)
      if name == "SSH_AUTH_SOCK" then return agent end
      return get(name, default)
    end
    local ok, failure = pcall(demands.check, buildkit(), "buildkit", { ssh = ssh })
    return ok or failure.message
  end

  it("must be there before anything is done", function()
    assert.is_true(check("default=/proc/self/exe", nil))
    assert.is_true(check("default", "/proc/self/exe"))
    assert.equal('ssh: "default" needs an agent: set SSH_AUTH_SOCK', check("default", nil))
    assert.truthy(check("default=/none/key", nil):find("ssh: cannot examine /none/key: ", 1, true))
    assert.truthy(check({ "default=/proc/self/exe", "git" }, "/none/agent"):find("ssh: cannot examine /none/agent: ", 1, true))
  end)
end)

describe("a build that a policy starts itself", function()
  local bin

  before_each(function() bin = sh.temporary "bin" end)
  after_each(function() sh.remove(bin) end)

  -- A docker that writes down its arguments, its environment, and what the file of the secret has.
  local DOCKER = [==[#!/bin/sh
    [ "$1" = build ] || exit 1
    printf '%%s\n' "$@" >%s/arguments
    cat "/proc/$$/environ" >%s/environ
    for word; do case $word in id=*) cat "${word#*src=}" >%s/value ;; esac; done
    echo "the value is $(cat %s/value)" >&2
    exit 1
  ]==]

  local function build(fields, env)
    sh.write(bin .. "/docker", (DOCKER:gsub("%%s/", bin .. "/"):gsub("%%%%", "%%")))
    sh.run { "chmod", "+x", bin .. "/docker" }
    return run.run {
      args = { "run", "/dev/stdin" }, stdin = ([[return { run = function()
        local engine = molbuild.docker.engine()
        engine:build { tag = "t:1", dir = "/t", %s }
      end }]]):format(fields),
      env = { PATH = bin .. ":" .. os.getenv "PATH", DOCKER_HOST = "unix://" .. bin .. "/none", SPEC_PIP = env },
    }
  end

  it("gets the secret as a file in memory: no argument, environment or message has it", function()
    local result = build('builder = "buildkit", secrets = { pip = { env = "SPEC_PIP" } }', "sesame-open-1")
    assert.equal("sesame-open-1", sh.read(bin .. "/value"))
    assert.truthy(sh.read(bin .. "/arguments"):find "\n%-%-secret\nid=pip,src=/proc/self/fd/%d+\n")
    for _, name in ipairs { "arguments", "environ" } do
      assert.is_nil(sh.read(bin .. "/" .. name):find("sesame", 1, true), name)
    end
    assert.truthy(result.stderr:find("the value is ***", 1, true), result.stderr)
    assert.is_nil((result.stdout .. result.stderr):find("sesame", 1, true))
  end)

  it("is refused what its builder would ignore, before the program runs", function()
    local result = build('builder = "classic", secrets = { pip = { env = "SPEC_PIP" } }', "sesame-open-1")
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find("secrets cannot be used: the classic builder ignores it", 1, true), result.stderr)
    assert.is_nil(sh.read(bin .. "/arguments"))
  end)
end)

describe("the texts of the programs", function()
  it("say that there is no such stage", function()
    for _, line in ipairs {
      "Error response from daemon: failed to reach build target nope in Dockerfile",
      "failed to solve with frontend dockerfile.v0: failed to create LLB definition: target stage nope could not be found",
      'ERROR: failed to solve: target stage "nope" could not be found (did you mean node?)',
      'Error: The target "nope" was not found in the provided Dockerfile',
    } do
      assert.is_true(words.no_stage(line), line)
    end
    assert.is_false(words.no_stage "ERROR: failed to solve: process /bin/sh did not complete successfully: exit code: 1")
  end)

  it("say that a program was killed", function()
    assert.is_true(words.is_killed "The command '/bin/sh -c x' returned a non-zero code: 137")
    assert.is_true(words.is_killed 'Error: building at STEP "RUN x": while running runtime: exit status 137')
    assert.is_false(words.is_killed "The command '/bin/sh -c x' returned a non-zero code: 1137")
    assert.is_false(words.is_killed "the number is 137")
  end)
end)
