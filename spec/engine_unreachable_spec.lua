-- An engine that cannot be reached: what the program prints, in short, and what to do about it.
local endpoint = require "molbuild.engine.endpoint"
local unreachable = require "molbuild.engine.unreachable"

describe("an engine that cannot be reached", function()
  local place = endpoint.place
  local host

  before_each(function()
    endpoint.place = function() return { host = host, from = "DOCKER_HOST" } end
  end)

  after_each(function() endpoint.place = place end)

  local function about(message, podman)
    return unreachable.error({ command = podman and "podman" or "docker", podman = podman or false }, message)
  end

  local SAID = 'error during connect: Get "http://docker.example.com/v1.50/images/a:b/json": command [%s] has exited with exit '
    .. "status 255, make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr=%s"

  for command, name in pairs {
    ["ssh -o ConnectTimeout=30 -T -l root -p 22 -- engine.example docker system dial-stdio"] = "engine.example",
    ["ssh -l root -p 29555 -- 127.0.0.1 docker system dial-stdio"] = "127.0.0.1",
    ["ssh -- ::1 docker --host unix:///run/docker.sock system dial-stdio"] = "::1",
  } do
    it("through ssh is described by what ssh printed: " .. name, function()
      host = "ssh://" .. name
      local failure = about(SAID:format(command, "Host key verification failed."))
      assert.equal("missing_tool", failure.kind)
      assert.equal(("the Docker Engine cannot be reached: ssh to %s: Host key verification failed."):format(name), failure.message)
      assert.equal(("the Docker Engine cannot be reached: ssh to %s: exit status 255"):format(name),
        about(SAID:format(command, "")).message)
    end)
  end

  for said, expected in pairs {
    ["root@engine: Permission denied (publickey,password)."] = { "accepts none of the keys", false },
    ["Host key verification failed."] = { "ssh does not know the server's key", false },
    ["bash: line 1: docker: command not found"] = { "is missing on that machine", false },
    ["ssh: Could not resolve hostname nowhere.invalid: Name or service not known"] = { "ssh USER@HOST docker version", true },
    ["ssh: connect to host 127.0.0.1 port 1: Connection refused"] = { "ssh USER@HOST docker version", true },
    ['ssh host connection is not valid: extra path after the host: "/x"'] = { "ssh://USER@HOST:PORT", false },
    ["permission denied while trying to connect to the Docker daemon socket"] = { "get access to it", false },
  } do
    it("through ssh has a hint: " .. said, function()
      host = "ssh://root@engine"
      local failure = about(said)
      assert.truthy(failure.hint:find(expected[1], 1, true), failure.hint)
      assert.equal(expected[2], failure.retry)
    end)
  end

  for said, expected in pairs {
    ["Error: failed to connect: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none]"] = "CONTAINER_SSHKEY",
    ['Error: failed to read identity "/nonexistent": open /nonexistent: no such file or directory'] = "CONTAINER_SSHKEY",
    ["Error: failed to connect: ssh: handshake failed: knownhosts: key mismatch"] = "ssh does not know the server's key",
    ["Error: failed to connect: dial tcp 127.0.0.1:1: connect: connection refused"] = "that its socket is there on that machine",
  } do
    it("of podman through ssh has a hint: " .. said, function()
      host = "ssh://root@engine/run/podman/podman.sock"
      assert.truthy(about(said, true).hint:find(expected, 1, true), about(said, true).hint)
    end)
  end

  it("without ssh has a hint to start it, or to check certificates", function()
    host = "unix:///var/run/docker.sock"
    assert.truthy(about("Cannot connect to the Docker daemon").hint:find("systemctl start docker", 1, true))
    assert.truthy(about("unable to connect to Podman", true).hint:find("systemctl start podman.socket", 1, true))
    assert.truthy(about("remote error: tls: bad certificate").hint:find("ca.pem, cert.pem and key.pem", 1, true))
  end)
end)
