-- Where the engine is looked for.
local asking = require "spec.support.ask"
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start engines, and put a socket where the usual one is.
local root = sh.run "id -u" == "0"
local NONE = "/nonexistent"
local NAME = "molecule-local/endpoint"

describe("the engine", function()
  local w, port, tls, podman, config
  local socket = os.getenv "DOCKER_HOST"

  --- Whether the current engine has the image NAME:TAG, and which back end answered.
  local function has(tag, env, options)
    local answers, by = asking.ask(env, { "image|" .. NAME .. ":" .. tag }, options)
    assert.is_nil(answers[1].kind, answers[1].message)
    return answers[1].answer ~= nil, by
  end

  local function assert_api(tag, env, options)
    env.PATH = NONE
    local found, by = has(tag, env, options)
    assert.equal("api", by)
    assert.is_true(found)
  end

  local function assert_program(tag, env, options)
    local found, by = has(tag, env, options)
    assert.equal("program", by)
    assert.is_true(found)
  end

  --- Only the program is asked, and it does not exist.
  local function assert_program_wanted(env)
    env.PATH = NONE
    local answers = asking.ask(env, { "image|" .. NAME .. ":x" })
    assert.equal("missing_tool", answers[1].kind)
    assert.truthy(answers[1].message:find("not found", 1, true), answers[1].message)
  end

  local function docker(arguments)
    return sh.run(("env -u DOCKER_HOST DOCKER_CONFIG=%s docker %s"):format(config, arguments))
  end

  --- A command that runs what follows it where /run has only a link at PATH to TARGET.
  local function with_socket_at(path, target)
    local script = 'PATH=/usr/bin:/bin; mount -t tmpfs tmpfs /run && mkdir -p ${0%/*} && ln -s '
      .. target .. " $0 && PATH=" .. NONE .. ' && exec "$@"'
    return { "/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, path }
  end

  setup(function()
    w = world.new { forge = false }
    config = w.home .. "/.docker"
    local dir = w.dir .. "/image"
    sh.run("mkdir " .. dir)
    sh.write(dir .. "/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    local build = (" build -t %s:%%s %s >/dev/null"):format(NAME, dir)
    sh.run("docker" .. build:format "socket")
    if root then
      port, tls, podman = engines.docker(), engines.docker { tls = true }, engines.podman()
      sh.run(("docker -H unix://%s/docker.sock"):format(port.dir) .. build:format "port")
      sh.run(("docker -H unix://%s/docker.sock"):format(tls.dir) .. build:format "tls")
      podman:sh("podman" .. build:format "podman")
    end
    docker(("context create socket --docker host=%s"):format(socket))
    docker "context create ssh --docker host=ssh://user@engine.example"
    docker "context create gone --docker host=unix:///nonexistent/docker.sock"
    if root then
      local files = ("ca=%s/ca.pem,cert=%s/client.pem,key=%s/client.key"):format(tls.dir, tls.dir, tls.dir)
      docker(("context create port --docker host=%s"):format(port.host))
      docker(("context create tls --docker host=%s,%s"):format(tls.host, files))
      docker(("context create skip --docker host=%s,skip-tls-verify=true,%s"):format(tls.host, files))
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

  before_each(function()
    docker "context use default >/dev/null"
  end)

  it("is that of DOCKER_HOST, whatever the context", function()
    docker "context use gone >/dev/null"
    assert_api("socket", { DOCKER_CONFIG = config, DOCKER_CONTEXT = "ssh" })
  end)

  it("is that of DOCKER_CONTEXT, whatever the current one", function()
    docker "context use gone >/dev/null"
    assert_api("socket", { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "socket" })
  end)

  it("is that of the current context, of DOCKER_CONFIG or of the home", function()
    docker "context use socket >/dev/null"
    assert_api("socket", { DOCKER_HOST = false, DOCKER_CONFIG = config })
    assert_api("socket", { DOCKER_HOST = false, HOME = w.home })
    assert_api("socket", { DOCKER_HOST = "", DOCKER_CONTEXT = "", DOCKER_CONFIG = "", HOME = w.home })
  end)

  it("is left to docker with a context that is not there, not readable, or without a host", function()
    local broken = w.dir .. "/broken"
    assert_program_wanted { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "none" }
    assert_program_wanted { DOCKER_HOST = false, DOCKER_CONFIG = broken, DOCKER_CONTEXT = "broken" }
    local id = sh.run "printf broken | sha256sum | cut -d' ' -f1"
    local meta = broken .. "/contexts/meta/" .. id
    sh.run("mkdir -p " .. meta)
    for _, text in ipairs { "", "{", "[]", "null", '{"Endpoints":null}', '{"Endpoints":{"docker":[]}}',
      '{"Endpoints":{"docker":{"Host":7}}}' } do
      sh.write(meta .. "/meta.json", text)
      assert_program_wanted { DOCKER_HOST = false, DOCKER_CONFIG = broken, DOCKER_CONTEXT = "broken" }
    end
  end)

  it("is left to docker where the home is not known", function()
    assert_program_wanted { DOCKER_HOST = false, HOME = false }
  end)

  it("is left to docker behind ssh", function()
    local bin = w.dir .. "/ssh"
    sh.run("mkdir " .. bin)
    sh.write(bin .. "/ssh", ('#!/bin/sh\necho "$@" >>%s/log\nDOCKER_HOST=%s exec docker system dial-stdio\n')
      :format(bin, socket))
    sh.run("chmod +x " .. bin .. "/ssh")
    local path = bin .. ":" .. os.getenv "PATH"
    assert_program("socket", { PATH = path, DOCKER_HOST = "ssh://user@engine.example" })
    assert.truthy(sh.read(bin .. "/log"):find("-l user -- engine.example docker system dial-stdio", 1, true))
    assert_program("socket", { PATH = path, DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "ssh" })
  end)

  it("is left to docker where the API is not wanted", function()
    assert_program_wanted { MOLBUILD_DOCKER_API = "0" }
  end)

  it("is that of the program named, which may be a path", function()
    sh.run(("mkdir %s/bin && ln -s $(command -v docker) %s/bin/docker && ln -s $(command -v docker) %s/bin/other")
      :format(w.dir, w.dir, w.dir))
    assert_api("socket", { MOLBUILD_DOCKER = w.dir .. "/bin/docker" })
    assert_program("socket", { MOLBUILD_DOCKER = w.dir .. "/bin/docker", MOLBUILD_DOCKER_API = "0" })
    assert_program("socket", { MOLBUILD_DOCKER = w.dir .. "/bin/other" })
  end)

  it("that cannot be reached is an error with a hint", function()
    for _, host in ipairs { "unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1", "unix://" .. w.dir, "nonsense://" } do
      for _, question in ipairs { "image|a:b", "tag|a:b|c:d", "platform" } do
        local answers, by = asking.ask({ DOCKER_HOST = host }, { question })
        assert.equal("missing_tool", answers[1].kind, host)
        assert.truthy(answers[1].message:find("the Docker Engine cannot be reached: ", 1, true), answers[1].message)
        assert.truthy(answers[1].hint:find("start it", 1, true))
        assert.equal("program", by)
      end
    end
  end)

  it("is an error for a context that does not exist", function()
    local answers = asking.ask({ DOCKER_HOST = false, DOCKER_CONTEXT = "nowhere", HOME = w.home }, { "image|a:b" })
    assert.equal("missing_tool", answers[1].kind)
    assert.truthy(answers[1].hint:find("docker context ls", 1, true), answers[1].hint)
  end)

  if not root then return end

  it("is the one at the usual socket where nothing says otherwise, or the context is the default one", function()
    local place = { prefix = with_socket_at("/run/docker.sock", socket:gsub("^unix://", "")) }
    assert_api("socket", { DOCKER_HOST = false }, place)
    docker "context use socket >/dev/null"
    assert_api("socket", { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "default" }, place)
  end)

  it("at a port is used without TLS, by a context whatever the environment says", function()
    assert_api("port", { DOCKER_HOST = port.host })
    assert_api("port", { DOCKER_HOST = port.host .. "/" })
    local context = { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "port", DOCKER_TLS_VERIFY = "1" }
    assert_api("port", context)
    context.PATH, context.MOLBUILD_DOCKER_API = nil, "0"
    assert_program("port", context) -- docker does so, too
  end)

  it("is used through TLS with the files of DOCKER_CERT_PATH, of the configuration, or of the context", function()
    assert_api("tls", { DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = tls.client })
    assert_api("tls", { DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CONFIG = tls.client })
    local home = w.dir .. "/tls-home"
    sh.run(("mkdir %s && cp -r %s %s/.docker"):format(home, tls.client, home))
    assert_api("tls", { DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", HOME = home })
    assert_api("tls", { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "tls" })
  end)

  it("is left to docker where TLS verifies nothing", function()
    assert_program("tls", { DOCKER_HOST = tls.host, DOCKER_TLS = "1", DOCKER_CERT_PATH = tls.client })
    assert_program("tls", { DOCKER_HOST = false, DOCKER_CONFIG = config, DOCKER_CONTEXT = "skip" })
  end)

  it("whose certificate is not trusted, or that does not trust the client's, is an error of docker", function()
    local ours = { cert = "client.pem", key = "client.key" }
    local wrong = tls:certificates("wrong", { ca = "self-signed.pem", cert = ours.cert, key = ours.key })
    local no_host = tls:certificates("nobody's", { ca = "ca.pem" })
    local stranger = tls:certificates("stranger", { ca = "ca.pem", cert = "self-signed.pem", key = "self-signed.key" })
    local empty = tls:certificates("empty", {})
    -- By TLS 1.3 a client may be refused so late that it sees no more than the end of the connection.
    for dir, words in pairs { [wrong] = "x509", [no_host] = "127.0.0.1", [stranger] = "127.0.0.1", [empty] = "ca.pem" } do
      local answers, by = asking.ask({ DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = dir },
        { "image|" .. NAME .. ":tls" })
      assert.equal("missing_tool", answers[1].kind, dir)
      assert.truthy(answers[1].message:find(words, 1, true), answers[1].message)
      if answers[1].message:find "certificate" or dir == empty then
        assert.truthy(answers[1].hint:find("check the files ca.pem, cert.pem and key.pem", 1, true))
      end
      assert.equal("program", by)
    end
    assert_program_wanted { DOCKER_HOST = tls.host, DOCKER_TLS_VERIFY = "1", DOCKER_CERT_PATH = wrong }
  end)

  it("is left to docker where something of the address is left out", function()
    assert_program("port", { DOCKER_HOST = "127.0.0.1:" .. port.port })
  end)

  it("on another machine is left to docker where a proxy is set, on this one no proxy is asked", function()
    for _, name in ipairs { "http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY" } do
      assert_program_wanted { DOCKER_HOST = "tcp://192.0.2.1:2375", [name] = "http://127.0.0.1:9" }
      assert_api("port", { DOCKER_HOST = port.host, [name] = "http://127.0.0.1:9" })
    end
    assert_api("socket", { HTTPS_PROXY = "http://127.0.0.1:9", http_proxy = "http://127.0.0.1:9" })
  end)

  it("without permission is an error with a hint", function()
    local other = sh.run "env -u TMPDIR mktemp -d" -- where anyone may look
    sh.run(("chmod 755 %s && cp ${MOLBUILD_BIN:-build/molbuild} %s/molbuild"):format(other, other))
    sh.write(other .. "/ask.lua", asking.policy)
    local answers = asking.ask({ DOCKER_HOST = "unix://" .. port.dir .. "/docker.sock", HOME = NONE }, { "image|a:b" }, {
      program = other .. "/molbuild", script = other .. "/ask.lua", cwd = "/",
      prefix = { "setpriv", "--reuid=65534", "--clear-groups" },
    })
    sh.run("rm -rf " .. other)
    assert.equal("missing_tool", answers[1].kind)
    assert.truthy(answers[1].message:find("permission denied", 1, true))
    assert.truthy(answers[1].hint:find("get access to it", 1, true))
  end)

  it("of podman is that of CONTAINER_HOST, else at the user's socket, else at the system's", function()
    local env = { MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = w.dir .. "/none", CONTAINER_HOST = "unix://" .. podman.socket }
    assert_api("podman", env)
    assert_api("podman", { MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = podman.dir })
    local place = { prefix = with_socket_at("/run/podman/podman.sock", podman.socket) }
    assert_api("podman", { MOLBUILD_DOCKER = "podman" }, place)
    assert_api("podman", { MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = w.dir .. "/none" }, place)
  end)

  it("of podman is left to it where it may be another than at the usual socket, or behind ssh", function()
    local env = { MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = podman.dir }
    for name, value in pairs(podman.env) do env[name] = value end
    assert_program("podman", env)
    for _, name in ipairs { "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER", "STORAGE_OPTS",
      "CONTAINER_CONNECTION" } do
      assert_program_wanted { MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = podman.dir, [name] = "x" }
    end
    assert_program_wanted {
      MOLBUILD_DOCKER = "podman", XDG_RUNTIME_DIR = podman.dir, CONTAINER_HOST = "ssh://user@engine.example/run/podman.sock",
    }
  end)

  it("of podman that cannot be reached is an error with a hint", function()
    local answers = asking.ask({ MOLBUILD_DOCKER = "podman", CONTAINER_HOST = "unix:///nonexistent/podman.sock" },
      { "image|a:b", "tag|a:b|c:d", "platform" })
    for index = 1, 3 do
      assert.equal("missing_tool", answers[index].kind)
      assert.truthy(answers[index].message:find("the podman service cannot be reached: ", 1, true), answers[index].message)
      assert.truthy(answers[index].hint:find("systemctl start podman.socket", 1, true))
    end
  end)
end)
