-- What only BuildKit can do for a build, and which programs can do it. With a real engine: integration/shared_spec.lua.
local buildkit = require "molbuild.engine.buildkit"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local BUILDX, OLD = { has_buildx = true }, {}
local CLASSIC, PODMAN = { has_no_buildkit = true }, { podman = true }
local NAMED = { builder = "MOLECULE_BUILDER", cache_from = "MOLECULE_BUILD_CACHE_FROM", cache_to = "MOLECULE_BUILD_CACHE_TO" }

local function kind_of(engine) return (engine == BUILDX or engine == OLD) and "buildkit" or "classic" end

describe("the arguments that only BuildKit takes", function()
  local function words(engine, options)
    return table.concat(buildkit.arguments(engine, kind_of(engine), options, NAMED), " ")
  end

  it("are none when nothing is asked, of any builder", function()
    for _, engine in ipairs { BUILDX, OLD, CLASSIC, PODMAN } do assert.equal("", words(engine, {})) end
  end)

  it("are those of buildx, each entry by itself", function()
    assert.equal("--cache-from type=registry,ref=r/a:1 --cache-from type=registry,ref=r/b --cache-to type=inline "
      .. "--cache-to type=registry,ref=r/c,mode=max",
      words(BUILDX, { cache_from = " type=registry,ref=r/a:1  r/b ", cache_to = "inline type=registry,ref=r/c,mode=max" }))
    assert.equal("", words(BUILDX, { builder = "remote" }))
  end)

  it("are those of the BuildKit inside older clients", function()
    assert.equal("--cache-from r/a:1 --cache-from r/b --cache-from r/c --build-arg BUILDKIT_INLINE_CACHE=1",
      words(OLD, { cache_from = "type=registry,ref=r/a:1 ref=r/b,type=registry r/c", cache_to = "inline" }))
    assert.equal("--build-arg BUILDKIT_INLINE_CACHE=1", words(OLD, { cache_to = "type=inline" }))
  end)

  for _, case in ipairs {
    { "the classic builder takes no cache", CLASSIC, { cache_from = "r/a" },
      'MOLECULE_BUILD_CACHE_FROM="r/a" cannot be used: docker has no buildx; install the package docker-buildx' },
    { "nor exports one", CLASSIC, { cache_to = "inline" },
      'MOLECULE_BUILD_CACHE_TO="inline" cannot be used: docker has no buildx' },
    { "nor when DOCKER_BUILDKIT=0 asks for it", { has_buildx = true }, { cache_to = "inline" },
      "DOCKER_BUILDKIT=0 asks for the classic builder" },
    { "nor podman", PODMAN, { cache_from = "r/a" }, "podman has no BuildKit" },
    { "podman has no builders", PODMAN, { builder = "remote" },
      'MOLECULE_BUILDER="remote" cannot be used: podman has no BuildKit' },
    { "an older client has none", OLD, { builder = "remote" },
      'MOLECULE_BUILDER="remote" cannot be used: docker has no buildx' },
    { "it takes images alone", OLD, { cache_from = "r/a type=local,src=/x" },
      'MOLECULE_BUILD_CACHE_FROM="type=local,src=/x" cannot be used: docker without buildx takes type=registry,ref=... alone' },
    { "without other attributes", OLD, { cache_from = "type=registry,ref=r/a,mode=max" }, "without other attributes" },
    { "and exports inline alone", OLD, { cache_to = "type=registry,ref=r/a" },
      'MOLECULE_BUILD_CACHE_TO="type=registry,ref=r/a" cannot be used: docker without buildx puts layers inline alone' },
    { "an entry without a type is a mistake", BUILDX, { cache_from = "ref=r/a" }, "write type=registry,ref=..., or an image" },
    { "so is an image to export to", BUILDX, { cache_to = "r/a" }, "write type=registry,ref=..., or inline" },
    { "so is an option", BUILDX, { cache_from = "--push" }, "write type=registry,ref=" },
    { "a builder's name is no option", BUILDX, { builder = "--push" }, "it is not the name of a builder (docker buildx ls)" },
  } do
    it("are refused by name: " .. case[1], function()
      local ok, failure = pcall(buildkit.arguments, case[2], kind_of(case[2]), case[3], NAMED)
      assert.is_false(ok)
      assert.equal("usage", failure.kind)
      assert.truthy(failure.message:find(case[4], 1, true), failure.message)
    end)
  end
end)

describe("a build by a builder of buildx's", function()
  local bin

  before_each(function() bin = sh.temporary "bin" end)
  after_each(function() sh.remove(bin) end)

  -- A docker that notes how it is called. It has the builders "remote" and "default", as buildx 0.10 describes them.
  local DOCKER = [==[#!/bin/sh
    echo "$*" >>%s/calls
    case "$*" in
    "buildx version") echo "github.com/docker/buildx v0.10.5 86bdced" ;;
    "buildx inspect remote") printf 'Name:   remote\nDriver: remote\n' ;;
    "buildx inspect") printf 'Name:   default\nDriver: docker\n' ;;
    buildx\ inspect*) echo "ERROR: no builder \"$3\" found" >&2; exit 1 ;;
    info*) echo '[[Backing Filesystem extfs]]' ;;
    esac
  ]==]

  -- What the policy does before the clone, and then a build with what it found.
  local POLICY = [[return { run = function()
    local job = {
      engine = molbuild.docker.engine(), buildx_builder = %q ~= "" and %q or nil, build_cache_to = %q ~= "" and %q or nil,
      variables = { buildx_builder = "MOLECULE_BUILDER", build_cache_to = "MOLECULE_BUILD_CACHE_TO" },
    }
    local kind = molbuild.buildkit.find(job):join()
    pcall(job.engine.build, job.engine, { tag = "t:1", dir = "/t", builder = kind, platform = "linux/arm64",
      buildkit = molbuild.buildkit.options(job) })
    return kind
  end }]]

  local function build(builder, to)
    sh.write(bin .. "/docker", (DOCKER:format(bin)))
    sh.run { "chmod", "+x", bin .. "/docker" }
    local result = run.run {
      args = { "run", "/dev/stdin" }, env = { PATH = bin .. ":" .. os.getenv "PATH", DOCKER_HOST = "unix://" .. bin .. "/none" },
      stdin = POLICY:format(builder, builder, to, to),
    }
    return result, sh.read(bin .. "/calls")
  end

  it("is one of docker buildx build, whose result is loaded into the engine", function()
    local result, calls = build("remote", "type=registry,ref=r/a")
    assert.equal(0, result.status, result.stderr)
    assert.truthy(calls:find("buildx build --builder remote --load --platform=linux/arm64 --progress=plain "
      .. "--cache-to type=registry,ref=r/a -t t:1 -f /t/Dockerfile /t\n", 1, true), calls)
  end)

  it("is refused before anything is fetched when there is no such builder", function()
    local result, calls = build("gone", "")
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find('MOLECULE_BUILDER="gone" cannot be used: ', 1, true), result.stderr)
    assert.truthy(result.stderr:find('no builder "gone" found', 1, true), result.stderr)
    assert.is_nil(calls:find("buildx build", 1, true))
  end)

  it("refuses a cache that the builder inside the engine cannot export", function()
    local result, calls = build("", "type=registry,ref=r/a")
    assert.equal(2, result.status)
    assert.truthy(result.stderr:find("the builder inside this engine puts layers inline alone", 1, true), result.stderr)
    assert.is_nil(calls:find("buildx build", 1, true))
    result, calls = build("", "inline")
    assert.equal(0, result.status, result.stderr)
    assert.truthy(calls:find("\nbuild --platform=linux/arm64 --progress=plain --cache-to type=inline -t", 1, true), calls)
  end)
end)
