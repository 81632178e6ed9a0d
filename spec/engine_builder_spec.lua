-- Which builder is used, by what the program and the environment say. What real clients do: integration/clients_spec.lua.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("the builder", function()
  local bin

  before_each(function() bin = sh.temporary "bin" end)
  after_each(function() sh.remove(bin) end)

  --- The builder and the advice that a docker gives which says VERSION, with buildx or not; it is asked for the engine never.
  local function builder(version, buildx, env)
    sh.write(bin .. "/docker", ('#!/bin/sh\ncase $* in\n"buildx version") %s ;;\n--version) echo "%s" ;;\n*) exit 99 ;;\nesac\n')
      :format(buildx and "echo " .. buildx or "exit 1", version))
    sh.run { "chmod", "+x", bin .. "/docker" }
    local all = { PATH = bin .. ":" .. os.getenv "PATH" }
    for name, value in pairs(env or {}) do all[name] = value end
    local result = run.run {
      args = { "run", "/dev/stdin" }, env = all,
      stdin = [[return { run = function()
        local engine = molbuild.docker.engine()
        local builder, advice = engine:builder()
        return builder, advice or "-", engine:program()
      end }]],
    }
    if result.status ~= 0 then return result.status, result.stderr end
    local chosen, advice, program = result.stdout:match "^(.-)\n(.-)\n(.-)\n$"
    return chosen, advice, program
  end

  local NEW, OLD = "Docker version 28.2.2, build e6534b4", "Docker version 20.10.24+dfsg1, build 297e128"
  local BUILDX = "github.com/docker/buildx v0.20.0 abc"
  local ADVICE = "docker has no buildx: building with the classic builder (to use BuildKit, install the package docker-buildx "
    .. "or docker-buildx-plugin)"

  it("is BuildKit with buildx, or before 23", function()
    assert.same({ "buildkit", "-", "docker" }, { builder(NEW, BUILDX) })
    assert.same({ "buildkit", "-", "docker" }, { builder(OLD) })
  end)

  it("is the classic one where there is no other, with advice", function()
    assert.same({ "classic", ADVICE, "docker" }, { builder(NEW) })
    assert.same({ "classic", "DOCKER_BUILDKIT=1 has no effect: " .. ADVICE, "docker" },
      { builder(NEW, nil, { DOCKER_BUILDKIT = "1" }) })
  end)

  for _, no in ipairs { "0", "false", "F" } do
    it("is the classic one with DOCKER_BUILDKIT=" .. no .. ", without advice", function()
      for _, client in ipairs { { NEW, BUILDX }, { NEW }, { OLD } } do
        assert.same({ "classic", "-", "docker" }, { builder(client[1], client[2], { DOCKER_BUILDKIT = no }) })
      end
    end)
  end

  for _, yes in ipairs { "1", "true", "" } do
    it("is BuildKit with DOCKER_BUILDKIT=" .. yes, function()
      assert.same({ "buildkit", "-", "docker" }, { builder(OLD, nil, { DOCKER_BUILDKIT = yes }) })
    end)
  end

  it("is an error with a DOCKER_BUILDKIT that is not a boolean", function()
    local status, words = builder(NEW, BUILDX, { DOCKER_BUILDKIT = "maybe" })
    assert.equal(2, status)
    assert.truthy(words:find('DOCKER_BUILDKIT must be 0 or 1, not "maybe"', 1, true), words)
  end)

  it("of a podman that is called docker is its own", function()
    assert.same({ "classic", "-", "podman" }, { builder "podman version 4.3.1" })
    assert.same({ "classic", "-", "podman" }, { builder("podman version 5.4.0", "buildah 1.39.0") })
  end)

  it("of podman is its own, whatever DOCKER_BUILDKIT says", function()
    assert.same({ "classic", "-", "podman" }, { builder(NEW, BUILDX, { MOLBUILD_DOCKER = "podman", DOCKER_BUILDKIT = "maybe" }) })
  end)
end)
