-- A forge token through whole runs, on a real forge, with real git and a real engine: where it is seen, and where it goes.
local world = require "spec.support.world"

local BUILD = os.getenv "BUILD" or "build"

--- Base64 by another program than ours.
local function base64(text)
  return world.sh("printf %s " .. world.quote(text) .. " | base64 -w 0")
end

--- The characters of base64 that the token alone decides, behind so many other bytes.
local function inside(token, skipped)
  local text = base64(("x"):rep(skipped) .. token)
  return text:sub((skipped * 8 + 5) // 6 + 1, (skipped + #token) * 8 // 6)
end

--- What a token must not be found as: raw, percent-encoded (what must be, in both cases, and all of it), base64 at each
--- alignment, base64 with the user name.
local function forms(token)
  local function percent(pattern, format)
    return (token:gsub(pattern, function(character) return format:format(character:byte()) end))
  end
  return {
    token, percent("[^%w]", "%%%02X"), percent("[^%w]", "%%%02x"), percent(".", "%%%02X"), percent(".", "%%%02x"),
    inside(token, 0), inside(token, 1), inside(token, 2), (base64("oauth2:" .. token):gsub("=+$", "")),
  }
end

describe("a token", function()
  local w, other, token, words

  before_each(function()
    w = world.new()
    -- With characters that are encoded in a URL.
    token = "tok/en+%_" .. w.token:sub(-12)
    world.write(w.forge .. "/token", token .. "\n")
    words = w.dir .. "/forms"
    world.write(words, table.concat(forms(token), "\n") .. "\n")
  end)

  after_each(function()
    world.remove_images()
    w:close()
    if other then other:close() end
    other = nil
  end)

  --- Run molbuild with SECRETS in its environment, which are in no process's arguments but are exported by a script.
  local function run(arguments, secrets, env)
    local lines = {}
    for name, value in pairs(secrets) do lines[#lines + 1] = ("export %s=%s"):format(name, world.quote(value)) end
    local command = { "exec", os.getenv "MOLBUILD_BIN" or "build/molbuild" }
    for _, argument in ipairs(arguments) do command[#command + 1] = world.quote(argument) end
    lines[#lines + 1] = table.concat(command, " ")
    world.write(w.dir .. "/script", table.concat(lines, "\n") .. "\n")
    local out, err = w.dir .. "/stdout", w.dir .. "/stderr"
    local _, _, status = os.execute(("%s sh %s/script >%s 2>%s </dev/null"):format(w:environment(env), w.dir, out, err))
    return { status = status, stdout = world.read(out), stderr = world.read(err) }
  end

  --- All of the policy but the build, which has no part in what is asked here.
  local function fetch(secrets, env, runtime)
    world.write(w.dir .. "/fetch.lua", [[
local ensure = molbuild.load "ensure.lua"
function ensure.cached() return false end
function ensure.build() end
function ensure.alias() end
return ensure
]])
    return run({ "run", w.dir .. "/fetch.lua", runtime or "claude-code" }, secrets, env)
  end

  local function private(more)
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-" }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  local function tag_of(sha)
    return "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
  end

  --- The files below these paths that hold the token in any form.
  local function found(...)
    return world.sh(("grep -r -a -l -F -f %s -- %s || test $? = 1"):format(words, table.concat({ ... }, " ")))
  end

  local function canned(forge, path, response)
    world.sh(("mkdir -p '%s/canned%s'"):format(forge, path))
    world.write(("%s/canned%s/response"):format(forge, path), response)
  end

  --- A second forge, with what the first one has.
  local function second_forge()
    other = world.new()
    world.sh(("cp -r %s/repos/. %s/repos/"):format(w.forge, other.forge))
    world.write(other.forge .. "/token", token .. "\n")
  end

  --- The requests at a forge that bore a token, and all that there were.
  local function bearing(at)
    local all, with = at:requests "\t", {}
    for _, line in ipairs(all) do
      if line:match "^[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\tyes\t" then with[#with + 1] = line end
    end
    return with, all
  end

  local function redirect(status, target)
    return ("Status: %d Moved\r\nLocation: %s\r\n\r\n"):format(status, target)
  end

  -- Where it is seen --------------------------------------------------------------------------------------------------

  --- Start to look at all processes; gives a function that ends it and gives what was seen.
  local function watch()
    local out, log = w.dir .. "/seen", w.dir .. "/watch.out"
    world.sh(("%s/test/proc_watch %s %s >%s 2>&1 & echo $! >%s/watch.pid"):format(BUILD, words, out, log, w.dir))
    world.wait_for(function() return world.read(log) == "ready\n" end, 30)
    return function()
      local pid = world.read(w.dir .. "/watch.pid"):gsub("%s", "")
      world.sh("kill -TERM " .. pid)
      world.wait_for(function() return not os.execute("kill -0 " .. pid .. " 2>/dev/null") end, 30)
      local seen = {}
      for id, parent, where, argv in world.read(out):gmatch "(%d+)\t(%d+)\t(%S+)\t([^\n]*)\n" do
        seen[#seen + 1] = { pid = id, parent = parent, where = where, argv = argv }
      end
      return seen
    end
  end

  --- Whether one of the lines is of a process, or a parent of it, for which CHECK holds.
  local function descends(seen, line, check)
    local pid = line.pid
    for _ = 1, 20 do
      local parent
      for _, other_line in ipairs(seen) do
        if other_line.pid == pid then
          if check(other_line) then return true end
          parent = other_line.parent
        end
      end
      if not parent then return false end
      pid = parent
    end
  end

  local function is_fetch(line) return line.argv:find "^%S*git .* fetch " ~= nil end

  for _, case in ipairs {
    { "a variable", function() return { MOLECULE_GITEA_TOKEN = token } end },
    { "a file", function()
      world.write(w.dir .. "/token", token .. "\n")
      world.sh("chmod 600 " .. w.dir .. "/token")
      return { MOLECULE_GITEA_TOKEN_FILE = w.dir .. "/token" }
    end },
  } do
    it("from " .. case[1] .. " is in the environment of the one git fetch, and nowhere else", function()
      local files = world.template_files "private"
      files.Dockerfile = 'FROM scratch\nCOPY . .\nRUN ["/busybox", "sleep", "0.5"]\nCMD ["/busybox", "cat", "/says"]\n'
      local sha = w:commit("private", "claude-code", files)
      local slow = w.forge .. "/canned/private/t-claude-code/info/refs"
      world.sh("mkdir -p " .. slow)
      world.write(slow .. "/delay", "0.5")
      local trace = w.dir .. "/trace.json"
      local stop = watch()
      local arguments = { "run", "-v", "--progress=json", "--trace=" .. trace, "ensure.lua", "claude-code" }
      local result = run(arguments, case[2](), private())
      local seen = stop()
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)

      local forge = world.read(w.forge .. "/fcgiwrap.pid"):gsub("%s", "")
      local fetches, builds, wiped = 0, 0, false
      for _, line in ipairs(seen) do
        assert.is_nil(line.where:match "argv" or line.where:match "both", line.argv)
        local own = line.argv:find "molbuild run " ~= nil
        if is_fetch(line) and line.where == "environ" then fetches = fetches + 1 end
        if line.argv:find "docker build " and line.argv:find(tag_of(sha), 1, true) then
          assert.equal("-", line.where)
          builds = builds + 1
        end
        wiped = wiped or own and line.where == "-"
        -- The forge has a token that comes in its server's environment; molbuild is given the variable, and wipes it.
        if line.where == "environ" and not descends(seen, line, function(l) return l.pid == forge end) then
          assert.truthy(descends(seen, line, is_fetch) or own and case[1] == "a variable", line.argv)
        end
      end
      -- It was seen, where it may be: this did not look past it.
      assert.is_true(fetches > 0 and builds > 0 and wiped, ("%d fetches, %d builds"):format(fetches, builds))
      assert.truthy(#(bearing(w)) >= 2)

      -- What is left behind.
      local tag, tar, text = tag_of(sha), w.dir .. "/image.tar", w.dir .. "/image.txt"
      world.sh(("docker save -o %s %s molecule-local/workspace-template-claude-code:latest"):format(tar, tag))
      world.sh(("{ docker history --no-trunc %s; docker image inspect %s; } >%s"):format(tag, tag, text))
      local look = { w.cache, w.home, trace, w.dir .. "/stdout", w.dir .. "/stderr", tar, text }
      assert.equal("", found(table.unpack(look)))
      assert.truthy(world.read(trace):find('"clone"', 1, true))
      -- It would be found: in a file, and in an image's layer.
      for _, form in ipairs(forms(token)) do
        world.write(w.home .. "/planted", "x" .. form .. "x")
        assert.equal(w.home .. "/planted", found(table.unpack(look)))
      end
      assert.are_not.equal("0", world.sh("grep -a -c FROM.scratch " .. tar))
    end)
  end

  it("is masked, in every form, where a build prints it", function()
    local files = world.template_files "x"
    local printed = table.concat(forms(token), " ")
    files.printed = printed .. "\n" .. printed:gsub(" ", "\r") .. "\n"
    files.Dockerfile = 'FROM scratch\nCOPY . .\nRUN ["/busybox", "cat", "/printed"]\n'
    local sha = w:commit("private", "claude-code", files)
    local arguments = { "run", "-v", "--progress=plain", "ensure.lua", "claude-code" }
    local result = run(arguments, { MOLECULE_GITEA_TOKEN = token }, private())
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stderr:find("*** *** ***", 1, true), result.stderr)
    assert.equal("", found(w.dir .. "/stderr", ("%s/claude-code/%s.log"):format(w.cache, sha:sub(1, 12))))
  end)

  it("is masked, in every form, in what a forge says when it refuses", function()
    w:commit("private", "claude-code", world.template_files "x")
    local echoed = table.concat(forms(token), " ") .. " " .. base64("deploy:" .. token)
    canned(w.forge, "/private/t-claude-code/info/refs",
      "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nno such token: " .. echoed .. "\n")
    local result = run({ "run", "-v", "--progress=json", "ensure.lua", "claude-code" },
      { MOLECULE_GITEA_TOKEN = token }, private { MOLECULE_GITEA_USER = "deploy" })
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("no such token: " .. ("*** "):rep(9) .. "***\"", 1, true), result.stderr)
    assert.equal("", found(w.dir .. "/stderr", w.cache))
  end)

  -- How it gets to git ------------------------------------------------------------------------------------------------

  --- A directory for PATH with a program in it that comes before the real one.
  local function shim(name, body)
    local bin = w.dir .. "/bin"
    world.sh("mkdir -p " .. bin)
    world.write(bin .. "/" .. name, ("#!/bin/sh\nPATH=%s\n%s\nexec %s \"$@\"\n"):format(world.quote(os.getenv "PATH"), body, name))
    world.sh("chmod +x " .. bin .. "/" .. name)
    return bin .. ":" .. os.getenv "PATH"
  end

  it("goes with the user name oauth2, or another one", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    for _, user in ipairs { "oauth2", "deploy" } do
      local env = private { MOLECULE_GITEA_USER = user ~= "oauth2" and user or nil, MOLECULE_HEAD_LOOKUP = "git" }
      local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      for line in world.read(w.forge .. "/log/users.log"):gmatch "[^\n]+" do assert.equal(user, line) end
      world.write(w.forge .. "/log/users.log", "")
    end
    -- It is given before it is asked for.
    assert.equal(0, #w:requests "\t401\t")
  end)

  it("is in the environment of no other child, however short it lives", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local note = ([[{ printf '%%s\n' "$0 $*"; env; } >%s/child.$$]]):format(w.dir)
    shim("docker", note)
    for _, lookup in ipairs { "gitea", "git" } do
      world.sh("rm -rf " .. w.cache)
      local env = private { PATH = shim("git", note), MOLECULE_HEAD_LOOKUP = lookup }
      local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    end
    local files = found(w.dir .. "/child.*")
    local with, commands = 0, {}
    for path in world.sh("ls " .. w.dir .. "/child.*"):gmatch "%S+" do
      local command = world.read(path):match "[^\n]*"
      commands[command:match "/(%a+) " .. " " .. (command:match " (%l[%l-]+) " or "")] = true
      local asks = command:find(" fetch ", 1, true) or command:find(" ls-remote ", 1, true)
      assert.equal(asks ~= nil, files:find(path, 1, true) ~= nil, command)
      assert.is_nil(world.read(path):find("GITEA_TOKEN", 1, true))
      with = with + (asks and 1 or 0)
    end
    assert.equal(3, with)
    for _, command in ipairs { "docker buildx", "git ls-tree", "git read-tree" } do
      assert.truthy(commands[command], command)
    end
  end)

  it("is written to no trace of git's, whatever the environment and the user's configuration say", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local env, traces = private(), w.dir .. "/traces"
    world.sh("mkdir " .. traces)
    for _, name in ipairs { "TRACE", "TRACE_CURL", "TRACE_PACKET", "TRACE_SETUP", "TRACE2", "TRACE2_EVENT", "TRACE2_PERF" } do
      env["GIT_" .. name] = traces .. "/" .. name
    end
    env.GIT_TRACE_REDACT, env.GIT_TRACE_CURL_NO_DATA, env.GIT_CURL_VERBOSE = "0", "0", "1"
    world.write(w.home .. "/.gitconfig", ([[
[trace2]
  eventTarget = %s/event
  normalTarget = %s/normal
  perfTarget = %s/perf
  configParams = *
  envVars = MOLBUILD_GIT_TOKEN,GIT_CONFIG_VALUE_0
]]):format(traces, traces, traces))
    local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal("", world.sh("ls " .. traces))
    assert.equal("", found(w.dir .. "/stderr"))
  end)

  it("reaches a git before 2.31, which takes no settings from the environment", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local path = shim("git", "unset GIT_CONFIG_COUNT")
    for _, user in ipairs { "oauth2", "deploy" } do
      local env = private { PATH = path, MOLECULE_GITEA_USER = user }
      world.sh("rm -rf " .. w.cache)
      local stop = watch()
      local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
      for _, line in ipairs(stop()) do assert.is_nil(line.where:match "argv" or line.where:match "both", line.argv) end
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      assert.truthy(world.read(w.forge .. "/log/users.log"):find("^" .. user .. "\n"))
      world.write(w.forge .. "/log/users.log", "")
    end
    -- Nor does that way let it follow a redirect.
    second_forge()
    world.sh("rm -rf " .. w.cache)
    canned(w.forge, "/private/t-claude-code/info/refs",
      redirect(302, other.http .. "/private/t-claude-code/info/refs?service=git-upload-pack"))
    assert.equal(4, fetch({ MOLECULE_GITEA_TOKEN = token }, private { PATH = path }).status)
    local with, all = bearing(other)
    assert.same({ 0, 0 }, { #with, #all })
  end)

  it("is refused by the forge with one clear line, and no helper or program of the user's is asked instead", function()
    w:commit("private", "claude-code", world.template_files "x")
    world.write(w.dir .. "/ask", ("#!/bin/sh\nenv >%s/asked\necho x\n"):format(w.dir))
    world.sh("chmod +x " .. w.dir .. "/ask")
    world.write(w.home .. "/.gitconfig", ("[credential]\n\thelper = \"!%s/ask\"\n[core]\n\taskPass = %s/ask\n")
      :format(w.dir, w.dir))
    local env = private { MOLECULE_HEAD_LOOKUP = "git", GIT_ASKPASS = w.dir .. "/ask", SSH_ASKPASS = w.dir .. "/ask" }
    for _, secrets in ipairs { { MOLECULE_GITEA_TOKEN = "not-the-token" }, {} } do
      local result = fetch(secrets, env)
      assert.equal(5, result.status, result.stderr)
      assert.is_nil(world.read(w.dir .. "/asked"))
    end
  end)

  it("comes from git's credential helpers where that is asked for, for the lookup and the clone", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    world.write(w.home .. "/.gitconfig", '[credential]\n\thelper = "!f() { cat ~/answer; }; f"\n')
    world.write(w.home .. "/answer", ("username=joe\npassword=%s\n"):format(token))
    assert.equal(5, fetch({}, private()).status)
    local result = run({ "run", "-v", "--progress=json", "ensure.lua", "claude-code" }, {},
      private { MOLECULE_GITEA_CREDENTIAL_HELPER = "1" })
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal("", found(w.cache, w.dir .. "/stderr"))
    assert.equal("joe\n", world.read(w.forge .. "/log/users.log"):match "^[^\n]*\n")
  end)

  -- Where it goes -----------------------------------------------------------------------------------------------------

  --- From one origin to another: its port, host and scheme changed.
  local function ways()
    return { { w.http, other.http }, { w.http, (w.http:gsub("127.0.0.1", "localhost")) }, { w.https, w.http } }
  end

  it("does not follow the lookup to another port or host, nor to plain http: the message says where to", function()
    w:commit("private", "claude-code", world.template_files "x")
    second_forge()
    local api = "/api/v1/repos/private/t-claude-code/branches/main"
    for _, way in ipairs(ways()) do
      local from, to = table.unpack(way)
      canned(w.forge, api, redirect(301, to .. "/elsewhere" .. api))
      world.write(w.forge .. "/log/access.log", "")
      local result = fetch({ MOLECULE_GITEA_TOKEN = token },
        { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = from .. "/private/t-", SSL_CERT_FILE = w.ca })
      assert.equal(4, result.status, result.stderr)
      assert.truthy(result.stderr:find(("the repository moved: %s%s leads to %s/elsewhere%s; change the prefix")
        :format(from, api, to, api), 1, true), result.stderr)
      assert.equal(1, #(bearing(w)))
      assert.equal(0, #w:requests "/elsewhere/")
      assert.equal(0, #other:requests "\t")
    end
  end)

  it("does not follow the clone to another port or host, nor to plain http: the message says where to", function()
    w:commit("private", "claude-code", world.template_files "x")
    second_forge()
    -- What a user has set for the origin, or for a part of it, does not count then.
    world.write(w.home .. "/.gitconfig", ('[http]\n\tfollowRedirects = true\n[http "%s/private"]\n\tfollowRedirects = true\n')
      :format(w.http))
    for _, way in ipairs(ways()) do
      local from, to = table.unpack(way)
      canned(w.forge, "/private/t-claude-code/info/refs",
        redirect(302, to .. "/private/elsewhere/info/refs?service=git-upload-pack"))
      world.write(w.forge .. "/log/access.log", "")
      local result = fetch({ MOLECULE_GITEA_TOKEN = token },
        { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = from .. "/private/t-", SSL_CERT_FILE = w.ca })
      assert.equal(4, result.status, result.stderr)
      local moved = "%s/private/t-claude-code: the repository moved to %s/private/elsewhere\nhint: change the prefix"
      assert.truthy(result.stderr:find(moved:format(from, to), 1, true), result.stderr)
      assert.equal(0, #w:requests "/elsewhere/")
      assert.equal(0, #other:requests "\t")
    end
  end)

  it("is not shown to the proxy that leads to its origin", function()
    local proxy = require("spec.support.hostile").start()
    local env = { https_proxy = proxy.url, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://forge.example/org/t-" }
    for count, lookup in ipairs { "gitea", "git" } do
      env.MOLECULE_HEAD_LOOKUP = lookup
      local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
      assert.equal(4, result.status, result.stderr)
      assert.equal(count, select(2, proxy:requests():gsub("CONNECT forge%.example:443 ", "")))
    end
    local requests = proxy:requests()
    proxy:stop()
    assert.is_nil(requests:lower():find("\nauthorization:", 1, true), requests)
  end)

  it("goes to no server that only claims to be the right one, whatever git was told of certificates", function()
    local sha = w:commit("org", "claude-code", world.template_files "x")
    local prefix = w["self-signed"] .. "/org/t-"
    world.write(w.home .. "/.gitconfig", ('[http]\n\tsslVerify = false\n[http "%s"]\n\tsslVerify = false\n')
      :format(prefix:match "^(.*)/"))
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix, MOLECULE_HEAD_LOOKUP = "git" }
    -- Without a token that is the user's business.
    assert.equal(tag_of(sha) .. "\n", fetch({}, env).stdout)
    for _, no_verify in ipairs { false, "1" } do
      env.GIT_SSL_NO_VERIFY = no_verify
      local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
      assert.equal(4, result.status, result.stderr)
      assert.truthy(result.stderr:find("certificate", 1, true), result.stderr)
    end
    assert.equal(0, #(bearing(w)))
  end)

  it("shows no password that a redirect holds", function()
    w:commit("private", "claude-code", world.template_files "x")
    canned(w.forge, "/private/t-claude-code/info/refs", redirect(302, "http://user:" .. token .. "@h/info/refs"))
    local result = fetch({ MOLECULE_GITEA_TOKEN = token }, private())
    assert.truthy(result.stderr:find("the repository moved to http://***@h\n", 1, true), result.stderr)
  end)

  it("does not go where a user's url.insteadOf leads", function()
    local sha = w:commit("org", "claude-code", world.template_files "x")
    w:commit("private", "hermes", world.template_files "x")
    second_forge()
    world.write(w.home .. "/.gitconfig", ('[url "%s/"]\n\tinsteadOf = %s/\n'):format(other.http, w.http))
    local result = fetch({ MOLECULE_GITEA_TOKEN = token })
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    -- There it is asked for one, too.
    result = fetch({ MOLECULE_GITEA_TOKEN = token }, private(), "hermes")
    assert.equal(5, result.status, result.stderr)
    local with, all = bearing(other)
    assert.equal(0, #with)
    assert.truthy(#all >= 3)
  end)

  it("does not go to submodules and LFS servers", function()
    second_forge()
    local files = world.template_files "x"
    files[".gitmodules"] = ('[submodule "s"]\n\tpath = s\n\turl = %s/private/s\n'):format(other.http)
    files[".lfsconfig"] = ("[lfs]\n\turl = %s/private/lfs\n"):format(other.http)
    files[".gitattributes"] = "*.big filter=lfs diff=lfs merge=lfs -text\n"
    files["x.big"] = ("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 5\n"):format(("a"):rep(64))
    local sha = w:commit("private", "claude-code", files, "main",
      "git update-index --add --cacheinfo 160000," .. ("1"):rep(40) .. ",s")
    world.write(w.home .. "/.gitconfig", ([[
[submodule]
  recurse = true
[fetch]
  recurseSubmodules = true
[filter "lfs"]
  required = true
  process = "env >%s/ran; exit 1"
  smudge = "env >%s/ran; exit 1"
]]):format(w.dir, w.dir))
    local result = fetch({ MOLECULE_GITEA_TOKEN = token }, private())
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal(0, #other:requests "\t")
    assert.is_nil(world.read(w.dir .. "/ran"))
  end)

  it("goes in clear text to this machine alone, and then through no proxy", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    second_forge()
    world.write(w.home .. "/.gitconfig", ("[http]\n\tproxy = %s\n"):format(other.http))
    local proxies = { http_proxy = other.http, all_proxy = other.http }
    local result = fetch({ MOLECULE_GITEA_TOKEN = token }, private(proxies))
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal(0, #other:requests "\t")
  end)

  it("goes in clear text to no other machine, unless that is allowed", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    -- The forge plays the proxy that leads there.
    local env = {
      http_proxy = w.http, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "http://forge.example/private/t-",
    }
    local result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("the token is not sent to http://forge.example/private/t-claude-code in clear text\n"
      .. "hint: use https, or set MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN=1", 1, true), result.stderr)
    assert.equal(0, #w:requests "\t")
    env.MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN = "1"
    result = fetch({ MOLECULE_GITEA_TOKEN = token }, env)
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.truthy(#(bearing(w)) >= 2)
  end)
end)
