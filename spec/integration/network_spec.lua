-- Servers that break the protocol, certificates that cannot be trusted, redirects that must not be followed: each ends in
-- its time, in one line, in little memory, with the right status.
local hostile = require "spec.support.hostile"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local MEMORY = 64 * 1024 -- KiB
local ANSWER = "cannot determine HEAD sha for runtime \"claude-code\" at "
local PEAK = (os.getenv "BUILD" or "build") .. "/test/peak"

--- The most time, on a busy machine, for a run that ends immediately, and beyond its bound for one that ends by a bound.
local SECONDS = 60
--- The bound for servers which answer slowly or never.
local BOUND = 2

local FORKS = {
  slow = ([[
    local ensure = molbuild.load "ensure.lua"
    ensure.head_timeout = %d
    return ensure]]):format(BOUND),
  memory = [[
    molbuild.git.fetch_memory = 32 * 1024 * 1024
    return molbuild.load "ensure.lua"]],
}

--- The lines of TEXT that begin with BEGINNING.
local function lines_of(text, beginning)
  local found = {}
  for line in text:gmatch "[^\n]+" do
    if line:sub(1, #beginning) == beginning then found[#found + 1] = line end
  end
  return found
end

--- That a run failed as STATUS says, in one line that holds WORDS, and let nothing of the server's through but text.
local function assert_one_line(result, status, words)
  assert.equal(status, result.status, result.stderr)
  assert.equal("", result.stdout)
  local lines = lines_of(result.stderr, "molbuild: local-build: ")
  assert.equal(1, #lines, result.stderr)
  assert.truthy(lines[1]:find(words, 1, true), lines[1])
  assert.is_nil(result.stderr:find "[\0-\9\11-\31\127]", result.stderr)
  assert.is_nil(result.stderr:find("traceback", 1, true), result.stderr)
  return lines[1]
end

local function hint_of(result)
  return lines_of(result.stderr, "hint: ")[1] or ""
end

describe("a hostile server", function()
  local server, scratch, runs

  --- Start the policy for a mode of the server; `finish` waits for it.
  local function start(name, fork, mode, env)
    local policy = fork and ("%s/%s.lua"):format(scratch, fork) or "ensure.lua"
    local variables = {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("%s/%s/t-"):format(server.url, mode),
      MOLECULE_LOCAL_BUILD_CACHE = scratch .. "/cache-" .. name,
    }
    for key, value in pairs(env or {}) do variables[key] = value end
    runs[name] = run.start {
      args = { "run", policy, "claude-code" }, prefix = { sh.run "pwd -P" .. "/" .. PEAK, scratch .. "/" .. name }, env = variables,
    }
  end

  local function finish(name)
    local result = runs[name]:wait()
    runs[name] = nil
    local memory, seconds = sh.read(scratch .. "/" .. name):match "^(%d+) (%S+)\n$"
    assert.is_true(tonumber(memory) < MEMORY, memory .. " KiB")
    assert.is_true(tonumber(seconds) < SECONDS + BOUND, seconds .. " s")
    return result
  end

  -- All at the same time: most of them wait.
  local function start_all(modes, prefix, env)
    for mode, case in pairs(modes) do
      start(prefix .. mode, case.fork, mode, env)
    end
  end

  lazy_setup(function()
    server, scratch, runs = hostile.start "http://127.0.0.1:1/elsewhere", sh.temporary "network", {}
    for name, text in pairs(FORKS) do sh.write(("%s/%s.lua"):format(scratch, name), text) end
  end)

  lazy_teardown(function()
    for name in pairs(runs) do finish(name) end
    server:stop()
    sh.remove(scratch)
  end)

  describe("asked for the branch", function()
    local MODES = {
      ["bad-chunk"] = { "chunk" },
      ["bad-status"] = { "HTTP version" },
      close = { "Empty reply from server" },
      ["endless-body"] = { "the answer is larger than 4194304 bytes" },
      ["endless-chunks"] = { "the answer is larger than 4194304 bytes" },
      ["endless-continue"] = { "the answer's headers are larger than 65536 bytes" },
      ["endless-header-line"] = { "a line of the answer's headers is too long" },
      ["endless-headers"] = { "the answer's headers are larger than 65536 bytes" },
      ["gzip-bomb"] = { "no usable commit id in the answer of " },
      hang = { "no complete answer in time", fork = "slow" },
      ["hang-after-headers"] = { "no complete answer in time", fork = "slow" },
      ["long-body"] = { "no usable commit id in the answer of " },
      ["not-http"] = { "HTTP/0.9" },
      ["nul-header"] = { "/branches/main: " },
      redirect = { "http://127.0.0.1:1/elsewhere: " },
      ["redirect-file"] = { "it redirects to a forbidden target: only http and https are followed" },
      ["redirect-ftp"] = { "it redirects to a forbidden target: only http and https are followed" },
      ["redirect-loop"] = { "too many redirects" },
      reset = { "reset by peer" },
      ["reset-body"] = { "reset by peer" },
      ["short-body"] = { "bytes remaining" },
      trickle = { "no complete answer in time", fork = "slow" },
      ["trickle-headers"] = { "no complete answer in time", fork = "slow" },
    }

    lazy_setup(function() start_all(MODES, "api-") end)

    for mode, case in pairs(MODES) do
      it("is survived: " .. mode, function()
        local line = assert_one_line(finish("api-" .. mode), 4, case[1])
        assert.truthy(line:find(ANSWER .. server.url .. "/" .. mode, 1, true), line)
      end)
    end
  end)

  describe("asked by git", function()
    local MODES = {
      ["bad-refs"] = { "bad line length" },
      close = { "Empty reply from server" },
      ["endless-body"] = { "ut of memory" },
      ["endless-continue"] = { "fatal: unable to access" },
      ["endless-headers"] = { "fatal: unable to access" },
      ["gzip-bomb"] = { "fatal: unable to access" },
      hang = { "took longer than 2 s", fork = "slow" },
      ["not-http"] = { "fatal: unable to access" },
      ["redirect-file"] = { "fatal: unable to access" },
      ["redirect-loop"] = { "fatal: unable to access" },
      reset = { "fatal: unable to access" },
      ["short-body"] = { "fatal: unable to access" },
      ["trickle-refs"] = { "took longer than 2 s", fork = "slow" },
    }

    lazy_setup(function() start_all(MODES, "git-", { MOLECULE_HEAD_LOOKUP = "git" }) end)

    for mode, case in pairs(MODES) do
      it("is survived: " .. mode, function()
        local line = assert_one_line(finish("git-" .. mode), 4, case[1])
        assert.truthy(line:find(ANSWER .. server.url .. "/" .. mode, 1, true), line)
      end)
    end
  end)

  describe("that only git meets, in the clone", function()
    local MODES = {
      ["bad-refs"] = { 4, "bad line length" },
      close = { 4, "fatal: unable to access" },
      ["endless-body"] = { 4, "ut of memory", fork = "memory" },
      ["gzip-bomb"] = { 4, "fatal: unable to access" },
      hang = { 9, "2 s" },
      ["hang-after-headers"] = { 9, "2 s" },
      ["not-http"] = { 4, "fatal: unable to access" },
      ["redirect-file"] = { 4, "fatal: unable to access" },
      ["redirect-loop"] = { 4, "fatal: unable to access" },
      reset = { 4, "fatal: unable to access" },
      ["short-body"] = { 4, "fatal: unable to access" },
      trickle = { 9, "2 s" },
      ["trickle-refs"] = { 9, "2 s" },
    }

    lazy_setup(function()
      for mode, case in pairs(MODES) do
        local stall = case[1] == 9 and BOUND or 60
        start("clone-" .. mode, case.fork, "git-" .. mode, { MOLECULE_BUILD_STALL_GRACE_S = tostring(stall) })
      end
    end)

    for mode, case in pairs(MODES) do
      it("is survived, and leaves nothing behind: " .. mode, function()
        assert_one_line(finish("clone-" .. mode), case[1], case[2])
        local cache = scratch .. "/cache-clone-" .. mode
        assert.equal("", sh.run { "find", cache .. "/tmp", "-mindepth", "1" })
        assert.is_false(sh.try { "test", "-e", cache .. "/claude-code/0123456789ab" })
      end)
    end
  end)

  it("is asked for five redirects and no more", function()
    local before = select(2, server:requests():gsub("GET /redirect%-loop", ""))
    start("loop", nil, "redirect-loop")
    assert_one_line(finish "loop", 4, "too many redirects")
    assert.equal(5, select(2, server:requests():gsub("GET /redirect%-loop", "")) - before)
  end)

  it("is not followed at all with a token", function()
    start("token", nil, "redirect", { MOLECULE_GITEA_TOKEN = "a-token-of-mine" })
    local result = finish "token"
    assert_one_line(result, 4, "/branches/main leads to http://127.0.0.1:1/elsewhere; change the prefix")
    assert.truthy(hint_of(result):find("so no redirect to another origin is followed", 1, true), result.stderr)
  end)
end)

describe("an https server", function()
  local w, sha

  lazy_setup(function()
    w = world.new()
    sha = w:commit("org", "claude-code", world.template_files "by TLS")
  end)
  before_each(function() w:again() end)
  lazy_teardown(function()
    world.remove_images()
    w:close()
  end)

  for _, lookup in ipairs { "gitea", "git" } do
    for _, case in ipairs {
      { "expired", { gitea = "certificate has expired", git = "certificate" } },
      { "self-signed", { gitea = "self-signed certificate", git = "certificate" } },
      { "wrong-host", { gitea = "certificate", git = "certificate" } },
      { "https", { gitea = "certificate", git = "certificate" }, unknown = true },
    } do
      local name = case.unknown and "of a CA that is not known" or "that is " .. case[1]
      it(("with a certificate %s is refused, asked by %s"):format(name, lookup), function()
        local result = w:ensure("claude-code", {
          MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w[case[1]] .. "/org/t-",
          MOLECULE_HEAD_LOOKUP = lookup == "git" and "git" or nil,
          SSL_CERT_FILE = not case.unknown and w.ca or nil,
        })
        assert_one_line(result, 4, case[2][lookup])
        assert.truthy(hint_of(result):find("SSL_CERT_FILE", 1, true), result.stderr)
        assert.equal(0, #w:requests "/")
      end)
    end
  end

  it("of a private CA is trusted by SSL_CERT_FILE, by git alone and by both, for lookup and clone", function()
    for _, lookup in ipairs { "git", "gitea" } do
      local result = w:ensure("claude-code", {
        MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-", SSL_CERT_FILE = w.ca,
        MOLECULE_HEAD_LOOKUP = lookup == "git" and "git" or nil,
      })
      assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", result.stdout, result.stderr)
      assert.equal(0, #w:requests "http\t")
      assert.is_true(#w:requests "/git-upload-pack" >= 1)
      w:again()
    end
  end)

  it("of a private CA is trusted by the system's store, and by SSL_CERT_DIR, for lookup and clone", function()
    local store = w.dir .. "/store"
    sh.run(("mkdir -p %s && cp %s %s/ca.pem && openssl rehash %s && cp %s %s/ca-certificates.crt"):format(
      store, w.ca, store, store, w.ca, store))
    local prefix = { "unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/ssl/certs && exec "$@"', store }
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-" }
    for _, case in ipairs { { more = { prefix = prefix } }, { directory = store } } do
      env.SSL_CERT_DIR = case.directory
      local result = w:fetch("claude-code", env, case.more)
      assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", result.stdout, result.stderr)
      assert.is_true(#w:requests "https\tGET\t/api/" >= 1)
      assert.is_true(#w:requests "/git-upload-pack" >= 1)
      w:again()
    end
  end)

  it("that an http one redirects to is asked, by the lookup and by git", function()
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n"
    local api = "/api/v1/repos/org/t-claude-code/branches/main"
    w:answer(302, "", "claude-code", 1, "Location: " .. w.https .. api .. "\r\n")
    local result = w:ensure("claude-code", { SSL_CERT_FILE = w.ca })
    assert.equal(tag, result.stdout, result.stderr)
    assert.equal(1, #w:requests("https\tGET\t" .. api))
    w:again()
    local server = hostile.start(w.https .. "/org/t-claude-code/info/refs?service=git-upload-pack")
    finally(function() server:stop() end)
    result = w:ensure("claude-code", {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = server.url .. "/redirect/t-", SSL_CERT_FILE = w.ca, MOLECULE_HEAD_LOOKUP = "git",
    })
    assert.equal(tag, result.stdout, result.stderr)
  end)

  it("that redirects to http is not followed, by the lookup or by git", function()
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-", SSL_CERT_FILE = w.ca }
    w:answer(302, "", "claude-code", nil, "Location: " .. w.http .. "/api/v1/repos/org/t-claude-code/branches/main\r\n")
    assert_one_line(w:ensure("claude-code", env), 4, "never https to http")
    w:respond("/org/t-claude-code/info/refs",
      "Status: 302\r\nLocation: " .. w.http .. "/org/t-claude-code/info/refs?service=git-upload-pack\r\n\r\n")
    env.MOLECULE_HEAD_LOOKUP = "git"
    assert_one_line(w:ensure("claude-code", env), 4, "fatal: unable to access")
    assert.equal(0, #w:requests "http\t")
  end)
end)

describe("a server that is not there", function()
  for lookup, words in pairs { gitea = "127.0.0.1 port 1", git = "127.0.0.1 port 1" } do
    it("is an error with a hint, by " .. lookup, function()
      local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "http://127.0.0.1:1/org/t-", MOLECULE_HEAD_LOOKUP = lookup }
      local result = run.run { args = { "run", "ensure.lua", "claude-code" }, env = env }
      assert_one_line(result, 4, words)
      assert.truthy(hint_of(result):find("HTTPS_PROXY", 1, true), result.stderr)
      env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://no-such-host.invalid/org/t-"
      result = run.run { args = { "run", "ensure.lua", "claude-code" }, env = env }
      assert_one_line(result, 4, "no-such-host.invalid")
      assert.truthy(hint_of(result):find("HTTPS_PROXY", 1, true), result.stderr)
    end)
  end
end)
