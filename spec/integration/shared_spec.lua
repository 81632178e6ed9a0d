-- Images that hosts share through a real registry: two engines, each with a cache of its own.
local engines = require "spec.support.engines"
local record = require "spec.support.record"
local registry = require "spec.support.registry"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if sh.run "id -u" ~= "0" then
  describe("shared images", function()
    it("are tried by root", function() assert.not_equal("0", sh.run "id -u") end)
  end)
  return
end

local NAME = "molecule-local/workspace-template-claude-code"

describe("shared images", function()
  local w, there, first, second

  setup(function()
    w = world.new()
    there, first, second = registry.start(), engines.docker(), engines.docker()
    sh.write(w.home .. "/none/config.json", "{}")
  end)

  before_each(function() sh.run("rm -rf " .. w.cache .. "*") end)

  teardown(function()
    second:stop()
    first:stop()
    there:stop()
    w:close()
  end)

  local function commit(says)
    return w:commit("org", "claude-code", { Dockerfile = "FROM scratch\nCOPY says /\n", says = says })
  end

  -- A run on a host: { engine, login = boolean }.
  local function run(host, env)
    local own = {
      DOCKER_HOST = host.engine.host, MOLECULE_LOCAL_BUILD_CACHE = w.cache .. (host.engine == first and "1" or "2"),
      DOCKER_CONFIG = host.login == false and w.home .. "/none" or there.dir .. "/login",
      MOLECULE_IMAGE_CACHE = there.address .. "/team",
    }
    for name, value in pairs(env or {}) do own[name] = value end
    return w:run({ "run", "--output=json", "ensure.lua", "claude-code" }, own)
  end

  local function only(result)
    assert.equal(0, result.status, result.stderr)
    return record.results(result.stdout)[1]
  end

  local function images(engine)
    return sh.run(("docker -H %s image ls --format '{{.Repository}}:{{.Tag}}' | sort"):format(engine.host))
  end

  local function id_of(engine, tag)
    return sh.run(("docker -H %s image inspect -f '{{.Id}}' %s"):format(engine.host, tag))
  end

  it("are pushed by one host behind its result, and pulled by the other: the same image, compared, under its own tag", function()
    local sha = commit "one"
    local tag = NAME .. ":" .. sha:sub(1, 12)
    local built = run({ engine = first }, { MOLECULE_IMAGE_CACHE_PUSH = "1" })
    assert.equal("built", only(built).outcome)
    assert.truthy(built.stderr:find("is not in the registry", 1, true), built.stderr)
    local ref = ("%s/team/workspace-template-claude-code:%s"):format(there.address, sha:sub(1, 12))
    assert.truthy(built.stderr:find("pushed " .. ref, 1, true), built.stderr)
    local pulled = only(run { engine = second })
    assert.same({ "pulled", tag }, { pulled.outcome, pulled.image })
    assert.equal(id_of(first, tag), id_of(second, tag))
    assert.equal(pulled.image_id, id_of(second, tag))
    assert.equal(("%s:%s\n%s:latest"):format(NAME, sha:sub(1, 12), NAME), images(second))
    assert.equal(images(first), images(second))
    assert.is_false(sh.try(("test -e %s2/claude-code/%s"):format(w.cache, sha:sub(1, 12))))
    assert.equal("hit", only(run { engine = second }).outcome)
  end)

  it("are refused when another image is under the right tag: it is removed, reported, and built here", function()
    local sha = commit "two"
    local ref = ("%s/team/workspace-template-claude-code:%s"):format(there.address, sha:sub(1, 12))
    for _, label in ipairs { "", "LABEL org.opencontainers.image.revision=" .. sha } do
      sh.write(w.dir .. "/forged/Dockerfile", ("FROM scratch\nCOPY Dockerfile /\n%s\n"):format(label))
      local commands = "export DOCKER_HOST=%s; docker build -q -t %s %s/forged && docker --config %s/login push -q %s"
      sh.run((commands .. " && docker image rm %s"):format(first.host, ref, w.dir, there.dir, ref, ref))
      local result = run { engine = second }
      assert.equal("built", only(result).outcome)
      assert.truthy(result.stderr:find(ref .. " is not the image that its tag says, and was not taken: its label ", 1, true))
      assert.is_nil(images(second):find(there.address, 1, true))
      sh.run(("docker -H %s image rm %s:%s %s:latest"):format(second.host, NAME, sha:sub(1, 12), NAME))
    end
    local result = run({ engine = second }, { MOLECULE_IMAGE_CACHE_REQUIRED = "1" })
    assert.equal(1, result.status, result.stdout .. result.stderr)
    assert.truthy(result.stderr:find("hint: without MOLECULE_IMAGE_CACHE_REQUIRED=1", 1, true), result.stderr)
  end)

  it("are built here, with one line, when the registry is down, refuses, or is silent; unless they are required", function()
    commit "three"
    for _, case in ipairs {
      { { MOLECULE_IMAGE_CACHE = "127.0.0.1:1/team" }, {}, "127.0.0.1:1" },
      { {}, { login = false }, "no basic auth credentials" },
      { { MOLECULE_IMAGE_CACHE = w.http:match "^http://(.*)$" .. "/team", MOLECULE_IMAGE_CACHE_TIMEOUT_S = "1" }, {},
        "the registry gave no image within 1 s (MOLECULE_IMAGE_CACHE_TIMEOUT_S)" },
    } do
      local env, host, words = table.unpack(case)
      host.engine = second
      w:delay("/v2/", "60")
      local result = run(host, env)
      w:relent "/v2/"
      assert.equal("built", only(result).outcome, result.stderr)
      assert.truthy(result.stderr:find(words, 1, true), result.stderr)
      sh.run(("docker -H %s image rm -f $(docker -H %s image ls -q %s)"):format(second.host, second.host, NAME))
    end
    local result = run({ engine = second }, { MOLECULE_IMAGE_CACHE = "127.0.0.1:1/team", MOLECULE_IMAGE_CACHE_REQUIRED = "1" })
    assert.equal(4, result.status, result.stderr)
    assert.equal("", images(second))
  end)

  it("that cannot be pushed are a warning; where the push is required, an error without a tag", function()
    commit "four"
    local result = run({ engine = first, login = false }, { MOLECULE_IMAGE_CACHE_PUSH = "1" })
    assert.equal("built", only(result).outcome)
    assert.truthy(result.stderr:find("warning: not pushed after", 1, true), result.stderr)
    sh.run(("docker -H %s image rm -f $(docker -H %s image ls -q %s)"):format(first.host, first.host, NAME))
    result = run({ engine = first, login = false }, { MOLECULE_IMAGE_CACHE_PUSH = "required" })
    assert.equal(5, result.status, result.stderr)
    assert.equal("failed", record.results(result.stdout)[1].outcome)
    assert.is_nil(images(first):find(there.address, 1, true))
  end)
end)
