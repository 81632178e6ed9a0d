-- Questions to an engine: the same ones to every back end and every kind of endpoint, on real engines.
local asking = require "spec.support.ask"
local docker = require "spec.support.docker"
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start the engines that listen at ports, and podman's.
local root = sh.run "id -u" == "0"

local NAME = "molecule-local/questions"

describe("an engine asked", function()
  local w, port, tls, podman

  local function ask(env, ...)
    return asking.ask(env, { ... })
  end

  local function write_dockerfile(dir)
    sh.run("mkdir -p " .. dir)
    sh.write(dir .. "/Dockerfile", "FROM scratch\nLABEL one=two\n")
    return dir
  end

  setup(function()
    w = world.new { forge = false }
    local dir = write_dockerfile(w.dir .. "/image")
    local build = " build -t " .. NAME .. ":there " .. dir .. " >/dev/null"
    sh.run("docker" .. build)
    if root then
      port, tls, podman = engines.docker(), engines.docker { tls = true }, engines.podman()
      sh.run(("docker -H unix://%s/docker.sock"):format(port.dir) .. build)
      sh.run(("docker -H unix://%s/docker.sock"):format(tls.dir) .. build)
      podman:sh("podman" .. build)
    end
  end)

  teardown(function()
    if root then
      port:stop()
      tls:stop()
      podman:stop()
    end
    world.remove_images()
    w:close()
  end)

  --- Every way to an engine: its environment, who answers there, and a shell's way to the image's id. Where the API
  --- answers, there is no program to be found.
  local WAYS = {
    ["by its API at a socket"] = function()
      return { PATH = "/nonexistent" }, "api", docker.id
    end,
    ["by docker"] = function()
      return { MOLBUILD_DOCKER_API = "0" }, "program", docker.id
    end,
  }
  if root then
    local function at(engine)
      return function(ref)
        return docker.id(ref, ("unix://%s/docker.sock"):format(engine.dir))
      end
    end
    local function podman_id(ref)
      return "sha256:" .. podman:sh("podman image inspect -f '{{.Id}}' " .. ref)
    end
    WAYS["by its API at a port"] = function()
      return { PATH = "/nonexistent", DOCKER_HOST = port.host }, "api", at(port)
    end
    WAYS["by its API over TLS"] = function()
      return {
        PATH = "/nonexistent", DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = tls.client,
      }, "api", at(tls)
    end
    WAYS["by docker over TLS"] = function()
      return {
        DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = tls.client, MOLBUILD_DOCKER_API = "0",
      }, "program", at(tls)
    end
    WAYS["by podman's API"] = function()
      return { PATH = "/nonexistent", MOLBUILD_DOCKER = "podman", CONTAINER_HOST = "unix://" .. podman.socket }, "api", podman_id
    end
    WAYS["by podman"] = function()
      return {
        MOLBUILD_DOCKER = "podman",
        CONTAINERS_CONF = podman.env.CONTAINERS_CONF, CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF,
      }, "program", podman_id
    end
    WAYS["by podman through its service"] = function()
      return { MOLBUILD_DOCKER = "podman", CONTAINER_HOST = "unix://" .. podman.socket, MOLBUILD_DOCKER_API = "0" },
        "program", podman_id
    end
  end

  for way, prepare in pairs(WAYS) do
    describe(way, function()
      local env, who, id_of

      before_each(function() env, who, id_of = prepare() end)

      it("describes an image that is there, by a name or its id", function()
        local id = id_of(NAME .. ":there")
        local answers, by = ask(env, "image|" .. NAME .. ":there", "image|" .. id)
        assert.equal(who, by)
        for index = 1, 2 do
          local image = answers[index].answer
          assert.is_nil(answers[index].message)
          assert.equal(id, image.id)
          assert.equal("linux", image.os)
          assert.equal(docker.architecture(), image.architecture)
          assert.equal("two", image.labels.one)
          assert.truthy((" " .. table.concat(image.tags, " ") .. " "):find(" " .. NAME .. ":there ", 1, true))
        end
      end)

      it("reports the engine's own platform", function()
        local answers, by = ask(env, "platform", "platform")
        local own = "linux/" .. docker.architecture()
        assert.same({ { answer = own }, { answer = own } }, answers)
        assert.equal(who, by)
      end)

      it("says no to what is not there", function()
        local digest = "@sha256:" .. ("0"):rep(64)
        local answers, by = ask(env, "image|" .. NAME .. ":absent", "image|" .. NAME .. digest, "image|a.b:5/c/d_e:1.0-x",
          "image|json", "image|sha256:" .. ("0"):rep(64))
        assert.same({ {}, {}, {}, {}, {} }, answers)
        assert.equal(who, by)
      end)

      it("says neither yes nor no to a name that no image can have", function()
        local answers, by = ask(env, "image|Molecule/Upper:case", "image|a:b:c")
        for index = 1, 2 do
          assert.is_nil(answers[index].answer)
          assert.is_string(answers[index].message)
          assert.is_nil(answers[index].kind)
        end
        assert.equal(who, by)
      end)

      it("is not asked what is no reference", function()
        local questions = { "tag|a:b|a@sha256:" .. ("0"):rep(64) }
        for _, ref in ipairs { "", "--help", "-x", "../json", "a/../b", "a/./b", "a//b", "a/", "a b", "a?b", "a#b", "a%2fb",
          "a\nb", "a&b", "é" } do
          table.move({ "image|" .. ref, "tag|" .. ref .. "|a:b", "tag|a:b|" .. ref }, 1, 3, #questions + 1, questions)
        end
        for index, answer in ipairs(ask(env, table.unpack(questions))) do
          assert.equal("usage", answer.kind, questions[index])
        end
      end)

      it("gives an image another name, again too, and moves it", function()
        local id = id_of(NAME .. ":there")
        local answers, by = ask(env, "tag|" .. NAME .. ":there|" .. NAME .. ":latest",
          "tag|" .. NAME .. ":there|" .. NAME .. ":latest", "tag|" .. NAME .. ":latest|" .. NAME .. "-second",
          "tag|" .. NAME .. ":there|registry.example:5000/x:y", "image|" .. NAME .. ":latest")
        assert.same({ {}, {}, {}, {} }, { table.unpack(answers, 1, 4) })
        assert.equal(who, by)
        assert.equal(id, answers[5].answer.id)
        assert.equal(id, id_of(NAME .. ":latest"))
        assert.equal(id, id_of(NAME .. "-second:latest"))
        assert.equal(id, id_of "registry.example:5000/x:y")
        local tags = " " .. table.concat(answers[5].answer.tags, " ") .. " "
        for _, name in ipairs { NAME .. ":there", NAME .. ":latest", NAME .. "-second:latest", "registry.example:5000/x:y" } do
          assert.truthy(tags:find(" " .. name .. " ", 1, true), tags)
        end
      end)

      it("says why it cannot give a name", function()
        local answers, by = ask(env, "tag|" .. NAME .. ":absent|" .. NAME .. ":latest", "tag|" .. NAME .. ":there|Upper:case")
        for index, alias in ipairs { NAME .. ":latest", "Upper:case" } do
          assert.equal("failed", answers[index].kind)
          assert.truthy(answers[index].message:find("tagging " .. alias, 1, true), answers[index].message)
        end
        assert.equal(who, by)
      end)
    end)
  end
end)
