-- What the docker program says itself when it fails, as against what it passes on of a RUN. The lines are recorded ones.
local docker_words = require "molbuild.engine.words"
local sh = require "spec.support.sh"

describe("docker_words.verdict", function()
  local function verdict(tail) return docker_words.verdict { tail = tail, code = 1 } end

  it("is the last line that says something", function()
    assert.equal("the end", verdict "ERROR: no space left on device\nthe end\n \n\n")
    assert.equal("exit status 1", verdict "")
  end)

  it("is not the address that Docker Desktop puts behind it", function()
    assert.equal("ERROR: failed to solve: x",
      verdict "ERROR: failed to solve: x\n\nView build details: docker-desktop://dashboard/build/default/x\n")
  end)
end)

-- The template's words, which may be any: in the command of a RUN that failed, and glued to it what the RUN printed last.
local FORGED = {
  "The command '/bin/sh -c echo x: no space left on device; exit 1' returned a non-zero code: 1",
  "toomanyrequests: x no such hostThe command '/bin/sh -c exit 1' returned a non-zero code: 1",
  "executor failed running [/bin/sh -c echo dial tcp; exit 1]: exit code: 1",
  'ERROR: failed to solve: process "/bin/sh -c echo unexpected EOF" did not complete successfully: exit code: 137',
  'Error: building at STEP "RUN echo dial tcp: no such host": while running runtime: exit status 3',
}

describe("docker_words.cause", function()
  for line, cause in pairs {
    ["Error processing tar file(exit status 1): write /busybox: no space left on device"] = "disk",
    ["ERROR: failed to solve: ResourceExhausted: failed to copy files: userspace copy failed: write /x: no space left on device"] =
      "disk",
    ["write /var/lib/docker/tmp/x: disk quota exceeded"] = "disk",
    ["Error response from daemon: toomanyrequests: You have reached your pull rate limit. You may increase the limit by "
      .. "authenticating and upgrading: https://www.docker.com/increase-rate-limit"] = "limit",
    ["ERROR: failed to solve: python:3.11: failed to resolve source metadata for docker.io/library/python:3.11: unexpected status "
      .. "from HEAD request to https://registry-1.docker.io/v2/library/python/manifests/3.11: 429 Too Many Requests"] = "limit",
    ['Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'] = "unreachable",
    ['Get "https://registry-1.docker.io/v2/": dial tcp 44.1.2.3:443: connect: no route to host'] = "unreachable",
    ['Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout'] = "unreachable",
    ['Get "https://r.example/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting '
      .. "headers)"] = "unreachable",
    ['Get "https://r.example/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority'] = "trust",
    ["pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource "
      .. "is denied"] = "auth",
    denied = "auth",
    ['Head "https://r.example/v2/x/manifests/y": unauthorized: authentication required'] = "auth",
    ["manifest for r.example/x:y not found: manifest unknown: manifest unknown"] = "missing",
    ["no matching manifest for linux/arm64 in the manifest list entries"] = "missing",
    ["ERROR: failed to solve: r.example/x:y: r.example/x:y: not found"] = "missing",
    ["error reading from server: EOF"] = "broken",
    ['failed to compute cache key: "/nosuch" not found: not found'] = false,
    ["ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref a1b2::c3d4: "
      .. '"/dial tcp x509: ": not found'] = false,
    ["dockerfile parse error line 1: unknown instruction: FORM"] = false,
    ["lstat /var/lib/docker/tmp/x: permission denied: y"] = false,
    ['Error: building at STEP "COPY dial tcp /x": checking on sources under "/x": no items matching glob'] = false,
    ['Error: building at STEP "COPY x /": checking on sources under "/d": '
      .. 'copier: stat: "/i/o timeout": no such file or directory'] = false,
  } do
    it(("of %s is %s"):format(line:sub(1, 60), cause), function()
      assert.equal(cause or nil, docker_words.cause(line))
    end)
  end

  for _, line in ipairs(FORGED) do
    it("is none in what a RUN says: " .. line:sub(1, 50), function()
      assert.is_true(docker_words.step_failed(line))
      assert.is_nil(docker_words.cause(line))
    end)
  end

  it("has its hint, each", function()
    for _, cause in ipairs { "disk", "limit", "auth", "trust", "unreachable", "missing", "broken" } do
      for _, podman in ipairs { false, true } do assert.is_string(docker_words.hint(cause, podman)) end
    end
    assert.is_nil(docker_words.hint(nil, false))
    assert.truthy(docker_words.hint("limit", true):find("podman login", 1, true))
  end)
end)

describe("docker_words.is_alien", function()
  local FAILED = "executor failed running [/bin/x]: exit code: 1"

  for _, line in ipairs {
    "exec /bin/sh: exec format error", "#6 0.512 exec /bin/alien: exec format error", "/bin/sh: 1: x: Exec format error",
    "standard_init_linux.go:228: exec user process caused: exec format error",
    "exec container process `/bin/sh`: Exec format error",
  } do
    it("is so of " .. line, function()
      assert.is_true(docker_words.is_alien("x\n" .. line .. "\n------\n" .. FAILED .. "\n", FAILED))
      assert.is_false(docker_words.is_alien(line .. "\nCOPY failed", "COPY failed"))
    end)
  end

  it("is so of the engine's own word", function()
    assert.is_true(docker_words.is_alien("", 'OCI runtime create failed: exec: "/bin/x": exec: exec format error: unknown'))
  end)

  it("is not so for a RUN that mentions it", function()
    assert.is_false(docker_words.is_alien("#6 0.5 see exec format error\nexec format error: read on\n" .. FAILED, FAILED))
  end)
end)

describe("docker_words.cannot_see", function()
  local dir

  setup(function() dir = sh.temporary "unseen" end)
  teardown(function() sh.remove(dir) end)

  it("is so of a directory that is there, by its name or that of one above it", function()
    for _, line in ipairs {
      'unable to prepare context: path "%s" not found', "resolve : lstat %s: no such file or directory",
      "unable to evaluate symlinks in Dockerfile path: lstat %s/Dockerfile: permission denied",
      'Error: context must be a directory: "%s"',
    } do
      assert.is_true(docker_words.cannot_see(line:format(dir), dir), line)
    end
    assert.is_true(docker_words.cannot_see(("lstat %s: permission denied"):format(dir:match "^(.*)/"), dir))
  end)

  it("is not so of another one, of one that is not there, or of what a RUN says", function()
    local line = 'path "%s" not found'
    assert.is_false(docker_words.cannot_see(line:format "/nowhere", dir))
    assert.is_false(docker_words.cannot_see(line:format(dir .. "x"), dir))
    assert.is_false(docker_words.cannot_see(line:format(dir .. "x"), dir .. "x"))
    assert.is_false(docker_words.cannot_see(("COPY failed: file /x not found"):format(dir), dir))
    for _, missing in ipairs {
      ('Error: building at STEP "COPY x /": checking on sources under "%s": '):format(dir)
        .. 'copier: stat: "/x": no such file or directory',
      'failed to compute cache key: "/tmp" not found: not found',
      'ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/tmp": not found',
    } do
      assert.is_false(docker_words.cannot_see(missing, dir), missing)
    end
    assert.is_false(docker_words.cannot_see(("The command 'cat %s: not found' returned a non-zero code: 1"):format(dir), dir))
  end)
end)

describe("docker_words.without_advice", function()
  it("takes away docker's advice about builders at the beginning, and nothing else", function()
    local advice = {
      "DEPRECATED: The legacy builder is deprecated and will be removed in a future release.",
      "            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0",
      "            environment-variable.",
    }
    local lines = { "Step 1/2 : FROM x", advice[1], "            x" }
    assert.same(lines, docker_words.without_advice(table.move(lines, 1, 3, 4, { table.unpack(advice) })))
    assert.same(lines, docker_words.without_advice(lines))
    assert.same({}, docker_words.without_advice(advice))
    assert.same({}, docker_words.without_advice {})
  end)

  it("is reported as nothing if a silent build printed it last", function()
    local advice = { "DEPRECATED: The legacy builder is deprecated.", "            https://docs.docker.com/go/buildx/" }
    local silent = "docker was silent for 10 s; the last line was: "
    local function message_after(last, ...)
      return docker_words.without_last_advice(silent .. last, { advice[1], advice[2], ... })
    end
    assert.equal("docker was silent for 10 s; it printed nothing", message_after(advice[2], "error on the way out"))
    assert.equal(silent .. "Step 1/2 : FROM x", message_after("Step 1/2 : FROM x", "Step 1/2 : FROM x"))
    assert.equal("ended", docker_words.without_last_advice("ended", advice))
  end)
end)
