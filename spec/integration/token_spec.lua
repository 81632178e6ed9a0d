-- A forge token through whole runs, on a real forge, with real git and a real engine: where it is seen.
local tokens = require "spec.support.token"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local base64, bearing, forms, redirect, tag_of = tokens.base64, tokens.bearing, tokens.forms, tokens.redirect, tokens.tag_of
local BUILD = os.getenv "BUILD" or "build"

describe("a token", function()
  local t, w, token

  before_each(function()
    t = tokens.world()
    w, token = t.w, t.token
  end)

  after_each(function()
    t:close()
  end)

  -- Where it is seen --------------------------------------------------------------------------------------------------

  --- Start to look at all processes; gives a function that ends it and gives what was seen.
  local function watch()
    local out = w.dir .. "/seen"
    local watcher = run.start { program = BUILD .. "/test/proc_watch", args = { t.words, out } }
    sh.wait_for(function() return sh.read(watcher.stdout) == "ready\n" end)
    return function()
      watcher:signal "TERM"
      watcher:wait()
      local seen = {}
      for id, parent, where, argv in sh.read(out):gmatch "(%d+)\t(%d+)\t(%S+)\t([^\n]*)\n" do
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
      sh.write(w.dir .. "/token", token .. "\n")
      sh.run("chmod 600 " .. w.dir .. "/token")
      return { MOLECULE_GITEA_TOKEN_FILE = w.dir .. "/token" }
    end },
    { "the prefix", function()
      local encoded = token:gsub("[^%w-]", function(character) return ("%%%02X"):format(character:byte()) end)
      local host = w.http:match "//(.*)"
      return { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("http://joe:%s@%s/private/t-"):format(encoded, host) }
    end },
  } do
    it("from " .. case[1] .. " is in the environment of the one git fetch, and nowhere else", function()
      local files = world.template_files("private " .. w.dir) -- a step that no builder has in its cache
      files.Dockerfile = 'FROM scratch\nCOPY . .\nRUN ["/busybox", "sleep", "0.5"]\nCMD ["/busybox", "cat", "/says"]\n'
      local sha = w:commit("private", "claude-code", files)
      w:delay("/private/t-claude-code/info/refs", "1.5")
      local trace = w.dir .. "/trace.json"
      local stop = watch()
      local arguments = {
        "run", "-v", "--progress=json", "--output=json", "--trace=" .. trace, "ensure.lua", "claude-code",
      }
      local result = t:run(arguments, case[2](), t:private())
      local seen = stop()
      assert.truthy(result.stdout:find(('"image":"%s"'):format(tag_of(sha)), 1, true), result.stderr)

      local forge = sh.read(w.forge .. "/fcgiwrap.pid"):gsub("%s", "")
      local fetches, builds, wiped = 0, 0, false
      for _, line in ipairs(seen) do
        assert.is_nil(line.where:match "argv" or line.where:match "both", line.argv)
        local own = line.argv:find(run.program .. " run ", 1, true) ~= nil
        if is_fetch(line) and line.where == "environ" then fetches = fetches + 1 end
        if line.argv:find "docker build " and line.argv:find(tag_of(sha), 1, true) then
          assert.equal("-", line.where)
          builds = builds + 1
        end
        wiped = wiped or own and line.where == "-"
        -- The forge has a token that comes in its server's environment; molbuild is given the variable, and wipes it.
        if line.where == "environ" and not descends(seen, line, function(l) return l.pid == forge end) then
          assert.truthy(descends(seen, line, is_fetch) or own and case[1] ~= "a file", line.argv)
        end
      end
      -- It was seen, where it may be: this did not look past it.
      assert.is_true(fetches > 0 and builds > 0 and wiped, ("%d fetches, %d builds"):format(fetches, builds))
      assert.truthy(#(bearing(w)) >= 2)

      -- What is left behind.
      local tag, tar, text = tag_of(sha), w.dir .. "/image.tar", w.dir .. "/image.txt"
      sh.run(("docker save -o %s %s molecule-local/workspace-template-claude-code:latest"):format(tar, tag))
      sh.run(("{ docker history --no-trunc %s; docker image inspect %s; } >%s"):format(tag, tag, text))
      local look = { w.cache, w.home, trace, w.dir .. "/stdout", w.dir .. "/stderr", tar, text }
      assert.equal("", t:found(table.unpack(look)))
      assert.truthy(sh.read(trace):find('"clone"', 1, true))
      -- It would be found: in a file, and in an image's layer.
      for _, form in ipairs(forms(token)) do
        sh.write(w.home .. "/planted", "x" .. form .. "x")
        assert.equal(w.home .. "/planted", t:found(table.unpack(look)))
      end
      assert.are_not.equal("0", sh.run("grep -a -c FROM.scratch " .. tar))
    end)
  end

  it("is sent in the only Authorization header, whatever header the user's configuration has", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    sh.write(w.home .. "/.gitconfig", ('[http]\n\textraHeader = "Authorization: Basic %s"\n[http "%s/private/t-claude-code"]\n\t'
      .. 'extraHeader = "Authorization: Basic %s"\n'):format(base64 "ci:other-token", w.http, base64 "ci:other-token"))
    local result = t:fetch(t:private { MOLECULE_HEAD_LOOKUP = "git" })
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.is_nil((sh.read(w.forge .. "/log/users.log") or ""):find("ci", 1, true))
  end)

  it("that git's server refuses though the API took it leads to a hint about the user's name", function()
    w:commit("private", "claude-code", world.template_files "x")
    w:respond("/private/t-claude-code/info/refs", "Status: 401\r\nWWW-Authenticate: Basic realm=x\r\n\r\n")
    local result = t:fetch(t:private())
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("\nhint: set MOLECULE_GITEA_USER to the token", 1, true), result.stderr)
  end)

  it("is masked, in every form, where a build prints it", function()
    local files = world.template_files "x"
    local printed = table.concat(forms(token), " ")
    files.printed = printed .. "\n" .. printed:gsub(" ", "\r") .. "\n"
    files.Dockerfile = 'FROM scratch\nCOPY . .\nRUN ["/busybox", "cat", "/printed"]\n'
    local sha = w:commit("private", "claude-code", files)
    local arguments = { "run", "-v", "--progress=plain", "ensure.lua", "claude-code" }
    local result = t:run_with(arguments, t:private())
    assert.equal(0, result.status, result.stderr)
    assert.truthy(result.stderr:find("*** *** ***", 1, true), result.stderr)
    assert.equal("", t:found(w.dir .. "/stderr", ("%s/claude-code/%s.log"):format(w.cache, sha:sub(1, 12))))
  end)

  it("is masked, in every form, in what a forge says when it refuses", function()
    w:commit("private", "claude-code", world.template_files "x")
    local echoed = table.concat(forms(token), " ") .. " " .. base64("deploy:" .. token)
    w:respond("/private/t-claude-code/info/refs",
      "Status: 403 Forbidden\r\nContent-Type: text/plain\r\n\r\nno such token: " .. echoed .. "\n")
    local result = t:run({ "run", "-v", "--progress=json", "ensure.lua", "claude-code" },
      { MOLECULE_GITEA_TOKEN = token }, t:private { MOLECULE_GITEA_USER = "deploy" })
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("no such token: " .. ("*** "):rep(9) .. "***\"", 1, true), result.stderr)
    assert.equal("", t:found(w.dir .. "/stderr", w.cache))
  end)

  -- How it gets to git ------------------------------------------------------------------------------------------------

  it("goes with the user name oauth2, or another one", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    for _, user in ipairs { "oauth2", "deploy" } do
      local env = t:private { MOLECULE_GITEA_USER = user ~= "oauth2" and user or nil, MOLECULE_HEAD_LOOKUP = "git" }
      local result = t:fetch(env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      for line in sh.read(w.forge .. "/log/users.log"):gmatch "[^\n]+" do assert.equal(user, line) end
      sh.write(w.forge .. "/log/users.log", "")
    end
    -- It is given before it is asked for.
    assert.equal(0, #w:requests "\t401\t")
  end)

  it("is in the environment of no other child, however short it lives", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local note = ([[{ printf '%%s\n' "$0 $*"; env; } >%s/child.$$]]):format(w.dir)
    t:shim("docker", note)
    for _, lookup in ipairs { "gitea", "git" } do
      sh.run("rm -rf " .. w.cache)
      local env = t:private { PATH = t:shim("git", note), MOLECULE_HEAD_LOOKUP = lookup }
      local result = t:run_with({ "run", w:fetch_policy(true), "claude-code" }, env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    end
    local files = t:found(w.dir .. "/child.*")
    local with, commands = 0, {}
    for path in sh.run("ls " .. w.dir .. "/child.*"):gmatch "%S+" do
      local command = sh.read(path):match "[^\n]*"
      commands[command:match "/(%a+) " .. " " .. (command:match " (%l[%l-]+) " or "")] = true
      local asks = command:find(" fetch ", 1, true) or command:find(" ls-remote ", 1, true)
      assert.equal(asks ~= nil, files:find(path, 1, true) ~= nil, command)
      assert.is_nil(sh.read(path):find("GITEA_TOKEN", 1, true))
      with = with + (asks and 1 or 0)
    end
    assert.equal(3, with)
    for _, command in ipairs { "docker buildx", "git ls-tree", "git read-tree" } do
      assert.truthy(commands[command], command)
    end
  end)

  it("is written to no trace of git's, whatever the environment and the user's configuration say", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local env, traces = t:private(), w.dir .. "/traces"
    sh.run("mkdir " .. traces)
    for _, name in ipairs { "TRACE", "TRACE_CURL", "TRACE_PACKET", "TRACE_SETUP", "TRACE2", "TRACE2_EVENT", "TRACE2_PERF" } do
      env["GIT_" .. name] = traces .. "/" .. name
    end
    env.GIT_TRACE_REDACT, env.GIT_TRACE_CURL_NO_DATA, env.GIT_CURL_VERBOSE = "0", "0", "1"
    sh.write(w.home .. "/.gitconfig", ([[
[trace2]
  eventTarget = %s/event
  normalTarget = %s/normal
  perfTarget = %s/perf
  configParams = *
  envVars = MOLBUILD_GIT_TOKEN,GIT_CONFIG_VALUE_0
]]):format(traces, traces, traces))
    local result = t:fetch(env)
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal("", sh.run("ls " .. traces))
    assert.equal("", t:found(w.dir .. "/stderr"))
  end)

  it("reaches a git before 2.31, which takes no settings from the environment", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local path = t:shim("git", "unset GIT_CONFIG_COUNT")
    for _, user in ipairs { "oauth2", "deploy" } do
      local env = t:private { PATH = path, MOLECULE_GITEA_USER = user }
      sh.run("rm -rf " .. w.cache)
      local stop = watch()
      local result = t:fetch(env)
      for _, line in ipairs(stop()) do assert.is_nil(line.where:match "argv" or line.where:match "both", line.argv) end
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      assert.truthy(sh.read(w.forge .. "/log/users.log"):find("^" .. user .. "\n"))
      sh.write(w.forge .. "/log/users.log", "")
    end
    -- Nor does that way let it follow a redirect.
    local other = t:second_forge()
    sh.run("rm -rf " .. w.cache)
    w:respond("/private/t-claude-code/info/refs",
      redirect(302, other.http .. "/private/t-claude-code/info/refs?service=git-upload-pack"))
    assert.equal(4, t:fetch(t:private { PATH = path }).status)
    local with, all = bearing(other)
    assert.same({ 0, 0 }, { #with, #all })
  end)

  it("is refused by the forge with one clear line, and no helper or program of the user's is asked instead", function()
    w:commit("private", "claude-code", world.template_files "x")
    sh.write(w.dir .. "/ask", ("#!/bin/sh\nenv >%s/asked\necho x\n"):format(w.dir))
    sh.run("chmod +x " .. w.dir .. "/ask")
    sh.write(w.home .. "/.gitconfig", ("[credential]\n\thelper = \"!%s/ask\"\n[core]\n\taskPass = %s/ask\n")
      :format(w.dir, w.dir))
    local env = t:private { MOLECULE_HEAD_LOOKUP = "git", GIT_ASKPASS = w.dir .. "/ask", SSH_ASKPASS = w.dir .. "/ask" }
    for _, secrets in ipairs { { MOLECULE_GITEA_TOKEN = "not-the-token" }, {} } do
      local result = t:fetch(env, nil, secrets)
      assert.equal(5, result.status, result.stderr)
      assert.is_nil(sh.read(w.dir .. "/asked"))
    end
  end)

  it("comes from git's credential helpers where that is asked for, for the lookup and the clone", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    sh.write(w.home .. "/.gitconfig", '[credential]\n\thelper = "!f() { cat ~/answer; }; f"\n')
    sh.write(w.home .. "/answer", ("username=joe\npassword=%s\n"):format(token))
    assert.equal(5, t:fetch(t:private(), nil, {}).status)
    local result = t:run({ "run", "-v", "--progress=json", "ensure.lua", "claude-code" }, {},
      t:private { MOLECULE_GITEA_CREDENTIAL_HELPER = "1" })
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal("", t:found(w.cache, w.dir .. "/stderr"))
    assert.equal("joe\n", sh.read(w.forge .. "/log/users.log"):match "^[^\n]*\n")
  end)

  it("of the helpers is asked for when a pinned commit is fetched, and not before", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    sh.write(w.home .. "/.gitconfig", '[credential]\n\thelper = "!f() { echo >>~/asked; cat ~/answer; }; f"\n')
    sh.write(w.home .. "/answer", ("username=joe\npassword=%s\n"):format(token))
    sh.write(w.dir .. "/m.json", ('{ "workspace_templates": [{ "repo": "t-claude-code", "ref": "%s" }] }'):format(sha))
    local env = t:private { MOLECULE_MANIFEST = w.dir .. "/m.json" }
    local refused = t:run({ "run", "ensure.lua", "claude-code" }, {}, env)
    assert.equal(5, refused.status, refused.stderr)
    assert.truthy(refused.stderr:find("MOLECULE_GITEA_TOKEN", 1, true), refused.stderr)
    env.MOLECULE_GITEA_CREDENTIAL_HELPER = "1"
    for _ = 1, 2 do
      local result = t:run({ "run", "ensure.lua", "claude-code" }, {}, env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      assert.equal("\n", sh.read(w.home .. "/asked"))
    end
  end)
end)
