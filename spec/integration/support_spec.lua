-- The test ground itself, where a mistake would make other specs pass for nothing.
local hostile = require "spec.support.hostile"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

describe("run", function()
  it("distinguishes stdout from stderr, and returns the status", function()
    local result = run.run { program = "/bin/sh", args = { "-c", "echo out; echo err >&2; exit 7" } }
    assert.same({ status = 7, stdout = "out\n", stderr = "err\n" }, result)
  end)

  it("distinguishes a signal from a status", function()
    assert.equal(15, run.run({ program = "/bin/sh", args = { "-c", "kill -TERM $$" } }).signal)
    assert.equal(143, run.run({ program = "/bin/sh", args = { "-c", "exit 143" } }).status)
  end)

  it("passes on only the named variables", function()
    local result = run.run { program = "env", env = { PATH = "/usr/bin:/bin", A = "b c", TMPDIR = false } }
    assert.truthy(result.stdout:find("A=b c\n", 1, true))
    assert.is_nil(result.stdout:find("SSL_CERT_FILE", 1, true))
    assert.is_nil(result.stdout:find("TMPDIR", 1, true))
  end)

  it("starts programs that SIGINT ends", function()
    local running = run.start { program = "sleep", args = { "60" } }
    running:signal "INT"
    assert.equal(2, running:wait().signal)
  end)

  it("kills what takes too long, with a message", function()
    local running = run.start { program = "sleep", args = { "60" } }
    assert.has_error(function() running:wait(0.2) end)
    assert.is_false(running:lives())
  end)
end)

describe("sh.write", function()
  it("replaces a link, and leaves alone what it leads to", function()
    local dir = sh.temporary "write"
    finally(function() sh.remove(dir) end)
    sh.write(dir .. "/host/file", "the machine's")
    sh.run(("ln -s host/file %s/link && ln -s nowhere %s/dangling"):format(dir, dir))
    for _, name in ipairs { "link", "dangling" } do
      sh.write(dir .. "/" .. name, "the spec's")
      assert.equal("the spec's", sh.read(dir .. "/" .. name))
    end
    assert.equal("the machine's", sh.read(dir .. "/host/file"))
    assert.is_nil(sh.read(dir .. "/nowhere"))
  end)
end)

describe("the hostile server", function()
  local server

  before_each(function() server = hostile.start "http://127.0.0.1:9/elsewhere" end)
  after_each(function() server:stop() end)

  local function curl(path, ...)
    return run.run { program = "curl", args = { "-sS", "--max-time", "50", "--noproxy", "*", server.url .. path, ... } }
  end

  -- curl's exit statuses. Newer ones end endless headers themselves.
  local STATUSES = {
    ["bad-chunk"] = "56", ["endless-continue"] = "28 56", ["nul-header"] = "8",
    close = "52", ["endless-body"] = "28", ["endless-chunks"] = "28", ["endless-headers"] = "28 56",
    hang = "28", ["hang-after-headers"] = "28", ["not-http"] = "1", ["redirect-loop"] = "47", ["redirect-file"] = "1",
    reset = "56", ["reset-body"] = "56", ["short-body"] = "18", trickle = "28", ["trickle-headers"] = "28",
  }
  for mode, statuses in pairs(STATUSES) do
    it("misbehaves as " .. mode, function()
      -- Only what never ends is given up soon: a busy machine may need its time for the rest.
      local result = curl("/api/" .. mode .. "/x", "-L", "--proto-redir", "=http", "-o", "/dev/null",
        "--max-time", statuses:find "28" and "2" or "50")
      local listed = (" " .. statuses .. " "):find((" %s "):format(result.status), 1, true)
      assert.truthy(listed, ("%s: %s"):format(result.status, result.stderr))
    end)
  end

  it("sends a body that unpacks to more than 100 times its size", function()
    local result = curl("/gzip-bomb", "--compressed", "-o", "/dev/null", "-w", "%{size_download} %{http_code}")
    assert.equal("60000 200", result.stdout, result.stderr)
    local unpacked = sh.run(("curl -sS --noproxy '*' %s/gzip-bomb | gzip -dc 2>/dev/null | wc -c; true"):format(server.url))
    assert.is_true(tonumber(unpacked) > 6000000, unpacked)
  end)

  it("answers as a forge does where only git is to meet a mode", function()
    assert.truthy(curl("/api/v1/repos/git-close/x/branches/main").stdout:find('{"commit":{"id":"0123456789abcdef', 1, true))
    assert.equal(52, curl("/git-close/x/info/refs").status)
    assert.truthy(curl("/git-bad-refs/x/info/refs?service=git-upload-pack").stdout:find("service=git-upload-pack", 1, true))
    assert.equal(28, curl("/git-trickle-refs/x/info/refs", "--max-time", "2").status)
  end)

  it("keeps the heads of requests", function()
    curl("/redirect/x", "-H", "Authorization: token abc")
    assert.truthy(server:requests():find("GET /redirect/x HTTP/1.1\r\n", 1, true))
    assert.truthy(server:requests():find("Authorization: token abc\r\n", 1, true))
  end)
end)
