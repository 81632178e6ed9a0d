-- Images that hosts share through real registries: two engines, each with a cache of its own, and podman.
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local record = require "spec.support.record"
local registry = require "spec.support.registry"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start an engine that reaches a registry of this machine.
if not engines.by_root "shared images" then return end

local NAME = "molecule-local/workspace-template-claude-code"

describe("shared images", function()
  local w, there, behind_tls, first, second

  setup(function()
    w = world.new()
    there, first, second = registry.start(), engines.docker(), engines.docker()
    behind_tls = registry.start { tls = w.forge .. "/tls" }
    sh.write(w.home .. "/none/config.json", "{}")
  end)

  before_each(function() sh.run("rm -rf " .. w.cache .. "*") end)

  teardown(function()
    second:stop()
    first:stop()
    behind_tls:stop()
    there:stop()
    w:close()
  end)

  local function commit(says, files)
    return w:commit("org", "claude-code", files or { Dockerfile = "FROM scratch\nCOPY says /\n", says = says })
  end

  -- A run on a host: { engine, login = boolean }.
  local function run(host, env, verb, policy)
    local own = {
      DOCKER_HOST = host.engine.host, MOLECULE_LOCAL_BUILD_CACHE = w.cache .. (host.engine == first and "1" or "2"),
      DOCKER_CONFIG = host.login == false and w.home .. "/none" or there.dir .. "/login",
      MOLECULE_IMAGE_CACHE = there.address .. "/team", MOLECULE_IMAGE_CACHE_TIMEOUT_S = "60", -- what waits for it has no end
    }
    for name, value in pairs(env or {}) do own[name] = value end
    return w:run({ verb or "run", "--output=json", policy or "ensure.lua", "claude-code" }, own)
  end

  local function only(result)
    assert.equal(0, result.status, result.stderr)
    return record.results(result.stdout)[1]
  end

  local function images(engine)
    return table.concat(docker.tags(nil, engine.host), "\n")
  end

  local function id_of(engine, tag)
    return docker.id(tag, engine.host)
  end

  it("are pushed by one host behind its result, and pulled by the other: the same image, compared, under its own tag", function()
    local sha = commit "one"
    local tag = NAME .. ":" .. sha:sub(1, 12)
    local built = run({ engine = first }, { MOLECULE_IMAGE_CACHE_PUSH = "1" })
    assert.equal("built", only(built).outcome)
    assert.truthy(built.stderr:find("is not in the registry", 1, true), built.stderr)
    local ref = ("%s/team/workspace-template-claude-code:%s"):format(there.address, sha:sub(1, 12))
    assert.truthy(built.stderr:find("pushed " .. ref, 1, true), built.stderr)
    local planned = run({ engine = second }, nil, "plan")
    assert.equal(11, planned.status, planned.stderr)
    assert.truthy(planned.stdout:find(("pulled instead if %s/team has the image"):format(there.address), 1, true), planned.stdout)
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
      docker.remove(NAME, second.host)
    end
    local result = run({ engine = second }, { MOLECULE_IMAGE_CACHE_REQUIRED = "1" })
    assert.equal(1, result.status, result.stdout .. result.stderr)
    assert.truthy(result.stderr:find("hint: without MOLECULE_IMAGE_CACHE_REQUIRED=1", 1, true), result.stderr)
  end)

  it("are built here, with one line, when the registry is down, refuses, is silent or redirects, unless required", function()
    local sha, forge = commit "three", w.http:match "^http://(.*)$"
    local again = ("/v2/again/workspace-template-claude-code/manifests/%s"):format(sha:sub(1, 12))
    w:respond(again, ("Status: 307\r\nLocation: %s\r\n\r\n"):format(again)) -- without end
    for _, case in ipairs {
      { { MOLECULE_IMAGE_CACHE = "127.0.0.1:1/team" }, {}, "127.0.0.1:1" },
      { {}, { login = false }, "no basic auth credentials" },
      { { MOLECULE_IMAGE_CACHE = forge .. "/team", MOLECULE_IMAGE_CACHE_TIMEOUT_S = "1" }, {},
        "the registry gave no image within 1 s (MOLECULE_IMAGE_CACHE_TIMEOUT_S)" },
      { { MOLECULE_IMAGE_CACHE = forge .. "/again" }, {}, "stopped after 10 redirects" },
    } do
      local env, host, words = table.unpack(case)
      host.engine = second
      if env.MOLECULE_IMAGE_CACHE == forge .. "/team" then w:delay("/v2/", "60") end
      local result = run(host, env)
      os.remove(w.forge .. "/canned/v2/delay")
      assert.equal("built", only(result).outcome, result.stderr)
      assert.truthy(result.stderr:find("\n[^\n]+ is built here: [^\n]*" .. words:gsub("%p", "%%%0")), result.stderr)
      docker.remove(NAME, second.host)
    end
    w:relent "/v2/"
    local result = run({ engine = second }, { MOLECULE_IMAGE_CACHE = "127.0.0.1:1/team", MOLECULE_IMAGE_CACHE_REQUIRED = "1" })
    assert.equal(4, result.status, result.stderr)
    assert.equal("", images(second))
  end)

  it("that cannot be pushed are a warning; where the push is required, an error without a tag", function()
    commit "four"
    local result = run({ engine = first, login = false }, { MOLECULE_IMAGE_CACHE_PUSH = "1" })
    assert.equal("built", only(result).outcome)
    assert.truthy(result.stderr:find("warning: not pushed after", 1, true), result.stderr)
    docker.remove(NAME, first.host)
    result = run({ engine = first, login = false }, { MOLECULE_IMAGE_CACHE_PUSH = "required" })
    assert.equal(5, result.status, result.stderr)
    assert.equal("failed", record.results(result.stdout)[1].outcome)
    assert.is_nil(images(first):find(there.address, 1, true))
  end)

  local function remove_all(engine)
    docker.remove(NAME, engine.host)
  end

  -- What a run has at the registry behind TLS, as one of its users.
  local function as(user, more)
    local env = { MOLECULE_IMAGE_CACHE = behind_tls.address .. "/team", DOCKER_CONFIG = behind_tls:login(user) }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  it("behind TLS and a password are pulled with credentials that may only read; are built when the registry goes away", function()
    local sha = commit "five"
    local pushed = run({ engine = first }, as("spec", { MOLECULE_IMAGE_CACHE_PUSH = "1" }))
    assert.truthy(pushed.stderr:find("pushed " .. behind_tls.address, 1, true), pushed.stderr)
    local built = run({ engine = second }, as "unlucky")
    assert.equal("built", only(built).outcome)
    assert.truthy(built.stderr:find("warning: claude-code is built here: docker pull ", 1, true), built.stderr)
    assert.is_nil(images(second):find(behind_tls.address, 1, true))
    remove_all(second)
    assert.equal("pulled", only(run({ engine = second }, as "reader")).outcome)
    assert.equal(id_of(first, NAME .. ":" .. sha:sub(1, 12)), id_of(second, NAME .. ":latest"))
  end)

  it("are built when a layer comes a byte at a time: the stall limit ends that", function()
    sh.write(w.dir .. "/impatient.lua", [[
      local ensure = molbuild.load "ensure.lua"
      local shared = ensure.shared
      function ensure.shared(job)
        local stall = job.stall
        job.stall = 1
        local taken = shared(job)
        job.stall = stall
        return taken
      end
      return ensure
    ]])
    commit "slow"
    only(run({ engine = first }, as("spec", { MOLECULE_IMAGE_CACHE_PUSH = "required" })))
    local result = run({ engine = second }, as "slow", "run", w.dir .. "/impatient.lua")
    assert.equal("built", only(result).outcome)
    assert.truthy(result.stderr:find "warning: claude%-code is built here: docker was silent for %d s", result.stderr)
    assert.is_nil(images(second):find(behind_tls.address, 1, true))
    remove_all(second)
  end)

  it("come with their signed record, and are refused without it where attested images alone are allowed", function()
    local key, other, signers = w.dir .. "/key", w.dir .. "/other", w.dir .. "/signers"
    for _, file in ipairs { key, other } do sh.run(("ssh-keygen -q -t ed25519 -N '' -C x -f %s"):format(file)) end
    local function allow(file) sh.write(signers, 'fleet namespaces="molbuild" ' .. sh.read(file .. ".pub")) end
    local function push(says, signing_key)
      local sha = commit(says):sub(1, 12)
      only(run({ engine = first }, { MOLECULE_SIGNING_KEY = signing_key, MOLECULE_IMAGE_CACHE_PUSH = "required" }))
      local id = id_of(first, NAME .. ":" .. sha)
      local ref = ("%s/team/workspace-template-claude-code:%s"):format(there.address, sha)
      return sha, ("%s.%s.record"):format(ref, id:match "^sha256:(.*)$":sub(1, 12))
    end
    local function pull()
      remove_all(second)
      sh.run(("rm -rf %s2"):format(w.cache))
      return run({ engine = second },
        { MOLECULE_ATTESTED = "1", MOLECULE_ATTEST_SIGNERS = signers, MOLECULE_IMAGE_CACHE_REQUIRED = "1" })
    end
    local function assert_refused(words)
      local result = pull()
      assert.equal(1, result.status, result.stderr)
      assert.truthy(result.stderr:find("was not taken: it is not attested: " .. words, 1, true), result.stderr)
      assert.equal("", images(second))
    end

    allow(key)
    local sha, record_one = push("attested one", key)
    assert.is_nil(images(first):find(there.address, 1, true))
    assert.equal("pulled", only(pull()).outcome)
    assert.equal(("%s:%s\n%s:latest"):format(NAME, sha, NAME), images(second))
    local env = { MOLECULE_ATTESTED = "1", MOLECULE_ATTEST_SIGNERS = signers }
    assert.equal("hit", only(run({ engine = second }, env)).outcome)
    allow(other)
    assert_refused "signature: "
    allow(key)
    local _, record_two = push("attested two", key)
    local forge = "export DOCKER_HOST=%s; docker --config %s/login pull -q %s && docker tag %s %s "
      .. "&& docker --config %s/login push -q %s && docker image rm %s %s"
    sh.run(forge:format(first.host, there.dir, record_one, record_one, record_two, there.dir, record_two, record_one, record_two))
    assert_refused "image: the record is that of the image "
    push "attested three"
    assert_refused "the registry has no record of it"
  end)

  local function layers(host)
    return docker.image(NAME .. ":latest", host.host).RootFS.Layers
  end

  it("have the same layers when hosts build them apart, and can give BuildKit their layers for the next commit", function()
    local files = { Dockerfile = "FROM scratch\nCOPY says /\nCOPY next /\n", says = "says", next = "one" }
    local sha = commit("six", files)
    local alone = { MOLECULE_IMAGE_CACHE = "", MOLBUILD_DOCKER = "/usr/bin/docker" } -- BuildKit is built in, or by buildx
    only(run({ engine = first },
      { MOLBUILD_DOCKER = "/usr/bin/docker", MOLECULE_BUILD_CACHE_TO = "inline", MOLECULE_IMAGE_CACHE_PUSH = "required" }))
    only(run({ engine = second }, alone))
    assert.same(layers(first), layers(second))
    docker.remove(NAME, second.host)
    sh.run(("docker -H %s builder prune -af"):format(second.host))
    files.next = "two"
    local next_sha = commit("six", files)
    alone.MOLECULE_BUILD_CACHE_FROM = ("type=registry,ref=%s/team/workspace-template-claude-code:%s"):format(
      there.address, sha:sub(1, 12))
    assert.equal("built", only(run({ engine = second }, alone)).outcome)
    local printed = sh.read(("%s2/claude-code/%s.log"):format(w.cache, next_sha:sub(1, 12)))
    assert.truthy(printed:find("CACHED", 1, true), printed)
  end)

  it("are not built when the builder cannot do what is asked: nothing is fetched", function()
    commit "seven"
    local result = run({ engine = second }, { MOLECULE_BUILD_CACHE_TO = "inline", DOCKER_BUILDKIT = "0" })
    assert.equal(2, result.status, result.stderr)
    assert.truthy(result.stderr:find('MOLECULE_BUILD_CACHE_TO="inline" cannot be used: ', 1, true), result.stderr)
    assert.is_false(sh.try(("ls %s2/claude-code/*.git"):format(w.cache)))
  end)

  describe("by podman", function()
    local podman

    setup(function() podman = engines.podman() end)
    before_each(function() podman:sh "podman image rm --all --force >/dev/null" end)
    teardown(function() podman:stop() end)

    local function run_podman(there_as, more)
      local env = { MOLBUILD_DOCKER = "podman", SSL_CERT_FILE = w.ca }
      for _, fields in ipairs { podman.env, there_as, more or {} } do
        for name, value in pairs(fields) do env[name] = value end
      end
      env.REGISTRY_AUTH_FILE = env.DOCKER_CONFIG .. "/config.json"
      return run({ engine = first }, env)
    end

    local function names()
      return podman:sh "podman image ls --format '{{.Repository}}:{{.Tag}}' | sort | xargs"
    end

    it("are pushed and pulled where the registry's certificate is trusted, else built", function()
      local sha = commit "eight"
      local distrusted = run_podman(as "spec", { SSL_CERT_FILE = "/nonexistent" })
      assert.equal("built", only(distrusted).outcome)
      assert.truthy(distrusted.stderr:find("x509", 1, true), distrusted.stderr)
      podman:sh "podman image rm --all --force >/dev/null"
      assert.equal("built", only(run_podman(as("spec", { MOLECULE_IMAGE_CACHE_PUSH = "required" }))).outcome)
      podman:sh "podman image rm --all --force >/dev/null"
      assert.equal("pulled", only(run_podman(as "spec")).outcome)
      assert.equal(("localhost/%s:%s localhost/%s:latest"):format(NAME, sha:sub(1, 12), NAME), names())
    end)

    it("stay when the registry goes away, its disk is full, or it refuses the user, while they are pushed", function()
      local full = registry.start { disk = "64k" }
      finally(function() full:stop() end)
      local config = { MOLECULE_IMAGE_CACHE = full.address .. "/team", DOCKER_CONFIG = full:login "spec" }
      sh.write(w.dir .. "/registries.conf", ('[[registry]]\nlocation = "%s"\ninsecure = true\n'):format(full.address))
      config.CONTAINERS_REGISTRIES_CONF = w.dir .. "/registries.conf"
      local sha = commit("nine", world.program_files "eight")
      for _, there_as in ipairs { as "unlucky", config, as "reader" } do
        local built = run_podman(there_as, { MOLECULE_IMAGE_CACHE_PUSH = "1" })
        assert.equal("built", only(built).outcome)
        assert.truthy(built.stderr:find("warning: not pushed after %d+ s: podman push "), built.stderr)
        assert.equal(("localhost/%s:%s localhost/%s:latest"):format(NAME, sha:sub(1, 12), NAME), names())
        podman:sh "podman image rm --all --force >/dev/null"
      end
    end)
  end)
end)
