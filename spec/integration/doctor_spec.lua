-- `molbuild doctor`, with a real forge, git and engine: what it finds, what it prints, and that it changes nothing.
local docker = require "spec.support.docker"
local core = require "molbuild.core"
local json = require "molbuild.base.json"
local schema = require "spec.support.schema"
local server = require "spec.support.server"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

--- A forge's root whose clock is an hour behind.
local LATE_SERVER = [[
import http.server, sys, email.utils, time
class Late(http.server.BaseHTTPRequestHandler):
    def date_time_string(self, timestamp=None): return email.utils.formatdate(time.time() - 3600, usegmt=True)
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"version": "1.22.0", "commit": {"id": "' + b'a' * 40 + b'"}}')
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Late).serve_forever()
]]

describe("doctor", function()
  local w, sha

  setup(function()
    w = world.new()
    sha = w:commit("org", "claude-code", world.template_files "hello")
    w:commit("private", "claude-code", world.template_files "hello")
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  --- Run it; gives the lines by check (the first of each name), the result, and all lines.
  local function doctor(env, more, ...)
    local args = { "doctor", "-q", "--output=json", more and more.script or "ensure.lua", ... }
    if select("#", ...) == 0 then args[#args + 1] = "claude-code" end
    local result = w:run(args, env, more)
    local lines, all = {}, {}
    for text in result.stdout:gmatch "[^\n]+" do
      local line = json.decode(text)
      lines[line.check], all[#all + 1] = lines[line.check] or line, line
    end
    assert(schema.check("verbs", result.stdout, "doctor"))
    assert.truthy(#all > 0, result.stderr)
    return lines, result, all
  end

  local function secure(more)
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/org/t-", SSL_CERT_FILE = w.ca }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  local function assert_line(line, status, words)
    assert.truthy(line, words)
    local shown = ("%s %s (%s)"):format(line.status, line.message, line.hint or "")
    assert.equal(status, line.status, shown)
    assert.truthy(shown:find(words, 1, true), shown)
  end

  --- All below a directory: names, modes, owners, sizes, times of change, contents.
  local function tree(dir)
    local list = "cd %s && find . -printf '%%p %%M %%U %%s %%T@ %%C@\\n' | sort; find . -type f -exec sha256sum {} + | sort"
    return sh.run(list:format(sh.quote(dir)))
  end

  it("has one line for everything, and exit 0 where all is well", function()
    local lines, result = doctor(secure())
    assert.equal(0, result.status, result.stdout)
    assert_line(lines.molbuild, "ok", "molbuild ")
    assert_line(lines.policy, "ok", "/scripts/ensure.lua, api 1 of 1, no mistake found")
    assert_line(lines.git, "ok", "git version ")
    assert_line(lines.docker, "ok", "ersion ")
    assert.truthy(lines.builder)
    assert_line(lines.engine, "ok", os.getenv "DOCKER_HOST" .. ", from DOCKER_HOST")
    assert_line(lines.platform, "ok", "linux/amd64 runs on this engine")
    assert.truthy(lines["engine's space"].message:find "^%d+%.?%d* [kMGT]B free", lines["engine's space"].message)
    assert_line(lines.cache, "ok", "will be made in ")
    assert_line(lines.locks, "ok", "none is held")
    assert_line(lines["left-overs"], "ok", "none")
    assert_line(lines.proxies, "ok", "none is set")
    assert.truthy(lines["git settings"])
    assert_line(lines["forge DNS"], "ok", "127.0.0.1 is an address")
    assert_line(lines["forge connect"], "ok", w.https .. " answered in ")
    assert_line(lines["forge TLS"], "ok", "valid until " .. os.date("!%Y-", os.time() + 29 * 86400))
    assert_line(lines["forge answer"], "ok", "main of claude-code is " .. sha:sub(1, 12))
    assert_line(lines["forge git"], "ok", sha:sub(1, 12))
    assert_line(lines.clock, "ok", "as the forge's")
    assert_line(lines.token, "ok", "none found")
  end)

  it("prints a table of at most 80 columns, with the hints", function()
    local env = secure { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.expired .. "/org/t-" }
    local result = w:run({ "doctor", "-q", "ensure.lua", "claude-code" }, env)
    assert.equal(4, result.status)
    assert.equal("", result.stderr)
    assert.truthy(result.stdout:find "^STATUS +CHECK +MESSAGE\n")
    local words = result.stdout:gsub("%s+", " ")
    assert.truthy(words:find("failure forge TLS .* hint: .*for a private CA, set SSL_CERT_FILE"), result.stdout)
    for line in result.stdout:gmatch "[^\n]+" do
      local word = line:match "^%s+(%S+)$" -- a long word has a line of its own
      assert.is_true(word ~= nil or core.width.columns(line) <= 80, line)
    end
  end)

  it("changes nothing, whatever it finds", function()
    local dir = w.dir .. "/machine"
    local cache = dir .. "/cache"
    assert(core.fs.mkdirp(cache .. "/locks", 448))
    assert(core.fs.mkdirp(cache .. "/tmp/claude-code.abc123", 448))
    assert(core.fs.mkdirp(dir .. "/home", 448))
    sh.write(dir .. "/home/.gitconfig", "[core]\n\tautocrlf = true\n[credential]\n\thelper = store\n")
    sh.write(cache .. "/locks/claude-code.lock", "pid=4711 host=here start=1700000000 purpose=build claude-code\n")
    local before = tree(dir)
    local env = { MOLECULE_LOCAL_BUILD_CACHE = cache, MOLECULE_HEAD_MAX_AGE_S = "60", GIT_CONFIG_NOSYSTEM = "1" }
    local lines = doctor(secure(env), { home = dir .. "/home" })
    assert_line(lines["left-overs"], "warning", "the run of claude-code was killed (pid 4711 on here)")
    assert_line(lines["git settings"], "ok", "overridden: core.autocrlf, credential.helper")
    assert.equal(before, tree(dir))
    doctor(secure { MOLECULE_LOCAL_BUILD_CACHE = dir .. "/none/at/all" }, { home = dir .. "/home" })
    assert.equal(before, tree(dir))
    assert.same({}, docker.tags "molecule-local/*")
  end)

  it("shows a certificate that has expired, and one for another host, with the hint of a run", function()
    for _, case in ipairs { { "expired", "expired" }, { "wrong-host", "127.0.0.1" }, { "self-signed", "self" } } do
      local env = secure { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w[case[1]] .. "/org/t-" }
      local lines, result = doctor(env)
      assert.equal(4, result.status, case[1])
      assert_line(lines["forge connect"], "ok", "a connection was made")
      assert_line(lines["forge TLS"], "failure", case[2])
      assert.equal(w:ensure("claude-code", env).stderr:match "hint: ([^\n]*)", lines["forge TLS"].hint)
      assert.is_nil(lines["forge answer"])
    end
  end)

  it("shows a clock that differs from the forge's", function()
    local late <close> = setmetatable({ server.start("late", function(port)
      return { program = "/usr/bin/python3", args = { "-c", LATE_SERVER, tostring(port) } }
    end) }, { __close = function(self) self[1]:stop() end })
    local lines = doctor { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("http://%s/org/t-"):format(late[1].address) }
    assert_line(lines.clock, "warning", "s ahead of the forge's (set the clock")
    assert_line(lines["forge answer"], "ok", "Gitea 1.22.0: main of claude-code is aaaaaaaaaaaa")
  end)

  it("names the failing part of the network", function()
    local lines, result = doctor { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("http://127.0.0.1:%d/org/t-"):format(server.free_port()) }
    assert.equal(4, result.status)
    assert_line(lines["forge DNS"], "ok", "resolved")
    assert_line(lines["forge connect"], "failure", "check the address and the network")
    lines, result = doctor { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://forge.invalid/org/t-" }
    assert.equal(4, result.status)
    assert_line(lines["forge DNS"], "failure", "forge.invalid")
    assert_line(lines.cache, "ok", "lockable")
  end)

  it("finds that a runtime has no repository, which matters if it was named", function()
    local lines, result = doctor(nil, nil, "claude-code", "hermes")
    assert.equal(6, result.status)
    assert_line(lines["forge answer"], "failure", 'runtime "hermes"')
    lines, result = doctor(nil, nil, "--all")
    assert.equal(0, result.status, result.stdout)
    assert_line(lines["forge answer"], "warning", "no repository of autogen, codex")
    assert.equal(2, w:run({ "doctor", "ensure.lua", "clade-code" }).status)
    assert.equal(2, w:run({ "doctor", "ensure.lua", "--fast" }).status)
  end)

  describe("and a token", function()
    local function private(more)
      local env = secure { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.https .. "/private/t-" }
      for name, value in pairs(more) do env[name] = value end
      return env
    end

    it("says where it was found, and that it is used", function()
      local lines, result = doctor(private { MOLECULE_GITEA_TOKEN = w.token })
      assert.equal(0, result.status, result.stdout)
      assert_line(lines.token, "ok", ("from MOLECULE_GITEA_TOKEN, for %s: the forge answered with it"):format(w.https))
      w:respond("/api/v1/user", 'Status: 200\r\nContent-Type: application/json\r\n\r\n{"login": "deploy"}')
      lines = doctor(private { MOLECULE_GITEA_TOKEN = w.token })
      assert_line(lines.token, "ok", "valid, of the user deploy")
      w:relent "/api/v1/user"
    end)

    it("warns of a file that other users can read, and never shows the token", function()
      local file = w.dir .. "/token-file"
      sh.write(file, w.token .. "\n")
      sh.run { "chmod", "644", file }
      for _, output in ipairs { "json", "text" } do
        local result = w:run({ "doctor", "-v", "--output=" .. output, "ensure.lua", "claude-code" },
          private { MOLECULE_GITEA_TOKEN_FILE = file })
        assert.equal(0, result.status, result.stdout)
        assert.is_nil((result.stdout .. result.stderr):find(w.token, 1, true))
        local words = result.stdout:gsub("%s+", " ")
        assert.truthy(words:find("warning", 1, true) and words:find("chmod go= ", 1, true), result.stdout)
      end
      local lines = doctor(private { MOLECULE_GITEA_TOKEN_FILE = file })
      assert_line(lines.token, "warning", ("from %s (MOLECULE_GITEA_TOKEN_FILE), for "):format(file))
      assert.equal("chmod go= " .. file, lines.token.hint)
      assert.is_nil(lines.settings)
    end)

    it("that is refused, or cannot be read, fails with the code of a run", function()
      w:respond("/api/v1/user", 'Status: 401 Unauthorized\r\nContent-Type: application/json\r\n\r\n{"message": "invalid"}')
      local lines, result = doctor(secure { MOLECULE_GITEA_TOKEN = "a-wrong-token" })
      w:relent "/api/v1/user"
      assert.equal(5, result.status)
      assert_line(lines.token, "failure", "the forge refuses the token from MOLECULE_GITEA_TOKEN")
      assert.is_nil(result.stdout:find("a-wrong-token", 1, true))
      assert.equal(5, select(2, doctor(private { MOLECULE_GITEA_TOKEN = "a-wrong-token" })).status)
      lines, result = doctor(secure { MOLECULE_GITEA_TOKEN_FILE = w.dir .. "/none" })
      assert.equal(2, result.status)
      assert_line(lines.token, "failure", "MOLECULE_GITEA_TOKEN_FILE: cannot read ")
      assert_line(lines.engine, "ok", "Docker Engine ")
      assert_line(lines.cache, "ok", "lockable")
      assert.is_nil(lines["forge answer"])
    end)
  end)

  it("masks credentials in proxies and in the prefix", function()
    local lines, result = doctor {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http:gsub("//", "//me:" .. w.token .. "@") .. "/org/t-",
      HTTPS_PROXY = "http://joe:pw@proxy.example:3128", no_proxy = "127.0.0.1", all_proxy = "joe:p@ss@proxy.example:1080",
    }
    assert_line(lines.proxies, "ok",
      "HTTPS_PROXY=http://***@proxy.example:3128, all_proxy=***@proxy.example:1080, no_proxy=127.0.0.1")
    assert_line(lines.settings, "warning", "holds credentials")
    assert_line(lines.token, "ok", "from the URL of MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX")
    assert.is_nil(result.stdout:find(w.token, 1, true))
  end)

  it("without an engine says which one was meant, and checks the rest", function()
    local lines, result = doctor(secure { DOCKER_HOST = "unix:///nonexistent/docker.sock" })
    assert.equal(3, result.status)
    assert_line(lines.engine, "failure", "(endpoint: unix:///nonexistent/docker.sock, from DOCKER_HOST)")
    assert_line(lines.engine, "failure", "start it (for example: sudo systemctl start docker)")
    assert_line(lines["forge answer"], "ok", sha:sub(1, 12))
    local home = w.dir .. "/context"
    local id = core.sha256.hex "far"
    sh.write(home .. "/.docker/config.json", '{"currentContext": "far"}')
    sh.write(("%s/.docker/contexts/meta/%s/meta.json"):format(home, id),
      '{"Name": "far", "Metadata": {}, "Endpoints": {"docker": {"Host": "tcp://127.0.0.1:1"}}}')
    lines = doctor(secure { DOCKER_HOST = false }, { home = home })
    assert_line(lines.engine, "failure",
      ('(endpoint: tcp://127.0.0.1:1, from the context "far" of %s/.docker/config.json)'):format(home))
  end)

  it("shows settings that cannot be used, a cache that cannot be written, and programs that are missing", function()
    local lines, result = doctor { MOLECULE_IMAGE_PLATFORM = "amd64" }
    assert.equal(2, result.status)
    assert_line(lines.settings, "failure", "MOLECULE_IMAGE_PLATFORM")
    assert_line(lines.engine, "ok", "Docker Engine ")
    lines, result = doctor { MOLBUILD_DOCKER = "~/docker" }
    assert.equal(2, result.status)
    assert_line(lines.engine, "failure", "MOLBUILD_DOCKER: ")
    assert_line(lines.cache, "ok", "lockable")
    sh.write(w.dir .. "/file", "x")
    lines, result = doctor { MOLECULE_LOCAL_BUILD_CACHE = w.dir .. "/file/cache" }
    assert.equal(1, result.status)
    assert_line(lines.cache, "failure", "put the cache in a directory that you may write to")
    lines, result = doctor { PATH = "/nonexistent" }
    assert.equal(3, result.status)
    assert_line(lines.git, "failure", '"git" not found on PATH')
    assert_line(lines.docker, "failure", '"docker" not found on PATH')
  end)

  it("checks no more than a run needs: with a registry, and offline", function()
    local lines = doctor { MOLECULE_IMAGE_REGISTRY = "registry.example/team" }
    assert.is_nil(lines.engine or lines.git or lines.cache or lines["forge DNS"])
    lines = doctor { MOLECULE_IMAGE_REGISTRY = "registry.example/team", MOLECULE_IMAGE_PULL = "missing" }
    assert_line(lines.engine, "ok", "Docker Engine ")
    assert.is_nil(lines.builder or lines.git or lines["forge DNS"])
    local before = #w:requests "\t"
    lines = doctor { MOLECULE_OFFLINE = "1" }
    assert_line(lines.forge, "ok", "offline")
    assert.equal(before, #w:requests "\t")
  end)

  it("shows a setting of git that leads elsewhere", function()
    local home = w.dir .. "/elsewhere"
    sh.write(home .. "/.gitconfig", ('[url "http://me:%s@127.0.0.1:1/"]\n\tinsteadOf = %s/\n'):format(w.token, w.http))
    local lines, result = doctor(nil, { home = home })
    assert_line(lines["git settings"], "warning", "git reads http://***@127.0.0.1:1/org/t-claude-code instead of " .. w.http)
    assert_line(lines["forge answer"], "ok", sha:sub(1, 12))
    assert_line(lines["forge git"], "failure", "127.0.0.1")
    assert.equal(4, result.status)
    assert.is_nil(result.stdout:find(w.token, 1, true))
  end)

  it("belongs to the policy: its mistakes, and the checks of a fork", function()
    sh.write(w.dir .. "/fork.lua", [[
      local ensure = molbuild.load "ensure.lua"
      ensure.doctor_checks = {
        { "mirror", function(machine) return "it has " .. machine.jobs[1].runtime end },
        function() molbuild.raise { kind = "remote", message = "the mirror is down", hint = "call the team" } end,
      }
      local function never(job) return job.runtim end
      return ensure, never]])
    local lines, result = doctor(nil, { script = w.dir .. "/fork.lua" })
    assert.equal(1, result.status, result.stdout)
    assert_line(lines.policy, "failure", w.dir .. "/fork.lua on ")
    assert_line(lines.policy, "failure", "job.runtim: no such field")
    assert_line(lines.mirror, "ok", "it has claude-code")
    assert_line(lines["own check 2"], "failure", "the mirror is down (call the team)")
    assert.equal(4, lines["own check 2"].exit)
  end)

  it("shows a lock that is held, and the space against the largest image", function()
    local run = w:ensure "claude-code"
    assert.equal(0, run.status, run.stderr)
    local path = w.cache .. "/locks/claude-code.lock"
    local holder = w:start({ "eval", ([[
      local lock = molbuild.core.lock.acquire(%q, { purpose = "build claude-code" })
      molbuild.core.sys.sleep(600)]]):format(path) })
    sh.wait_for(function() return (sh.read(path) or ""):find("pid=", 1, true) end)
    local lines = doctor()
    holder:close()
    assert_line(lines.locks, "ok", "claude-code by pid ")
    local space = lines["engine's space"].message
    assert.truthy(space:find("the largest image of a runtime has %d+%.?%d* [kM]?B"), space)
    lines = doctor()
    assert_line(lines["left-overs"], "warning", "the run of claude-code was killed (pid ")
  end)

  if sh.run "id -u" == "0" then
    it("run by another user names the owner of the cache", function()
      local cache = assert(core.fs.mkdtemp "/tmp/molbuild-doctor.")
      sh.run { "chmod", "755", cache }
      local lines, result = doctor({ MOLECULE_LOCAL_BUILD_CACHE = cache }, {
        prefix = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" },
      })
      sh.remove(cache)
      assert_line(lines.cache, "failure", cache .. " belongs to root: give it to the user that runs molbuild")
      assert.truthy(result.status ~= 0)
    end)
  end
end)
