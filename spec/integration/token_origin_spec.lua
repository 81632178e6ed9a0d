-- Where a forge token goes: to the origin of the prefix, and nowhere else.
local tokens = require "spec.support.token"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local bearing, redirect, tag_of = tokens.bearing, tokens.redirect, tokens.tag_of

describe("a token", function()
  local t, w, token

  before_each(function()
    t = tokens.world()
    w, token = t.w, t.token
  end)

  after_each(function()
    t:close()
  end)

  --- From one origin to OTHER ones: its port, host and scheme changed.
  local function ways(other)
    return { { w.http, other.http }, { w.http, (w.http:gsub("127.0.0.1", "localhost")) }, { w.https, w.http } }
  end

  it("does not follow the lookup to another port or host, nor to plain http: the message says where to", function()
    w:commit("private", "claude-code", world.template_files "x")
    local other = t:second_forge()
    local api = "/api/v1/repos/private/t-claude-code/branches/main"
    for _, way in ipairs(ways(other)) do
      local from, to = table.unpack(way)
      w:respond(api, redirect(301, to .. "/elsewhere" .. api))
      sh.write(w.forge .. "/log/access.log", "")
      local result = t:fetch({ MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = from .. "/private/t-", SSL_CERT_FILE = w.ca })
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
    local other = t:second_forge()
    -- What a user has set for the origin, or for a part of it, does not count then.
    sh.write(w.home .. "/.gitconfig", ('[http]\n\tfollowRedirects = true\n[http "%s/private"]\n\tfollowRedirects = true\n')
      :format(w.http))
    for _, way in ipairs(ways(other)) do
      local from, to = table.unpack(way)
      w:respond("/private/t-claude-code/info/refs",
        redirect(302, to .. "/private/elsewhere/info/refs?service=git-upload-pack"))
      sh.write(w.forge .. "/log/access.log", "")
      local result = t:fetch({ MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = from .. "/private/t-", SSL_CERT_FILE = w.ca })
      assert.equal(4, result.status, result.stderr)
      local moved = "%s/private/t-claude-code: the repository moved to %s/private/elsewhere\nhint: change the prefix"
      assert.truthy(result.stderr:find(moved:format(from, to), 1, true), result.stderr)
      assert.equal(0, #w:requests "/elsewhere/")
      assert.equal(0, #other:requests "\t")
    end
  end)

  it("follows a repository to its new name in the same origin, for the lookup and for git", function()
    local sha = w:commit("private", "renamed", world.template_files "x")
    local api, path = "/api/v1/repos/private/t-%s/branches/main", "/private/t-claude-code/info/refs"
    w:respond(api:format "claude-code", redirect(301, w.http .. api:format "renamed"))
    for _, lookup in ipairs { "gitea", "git" } do
      -- In full, within the host, and by way of another one.
      for _, to in ipairs { w.http .. "/private/t-renamed", "/private/t-renamed", "/private/t-renamed.git", "/private/t-twice" } do
        w:respond(path, redirect(301, to .. "/info/refs?service=git-upload-pack"))
        w:respond("/private/t-twice/info/refs", redirect(307, "/private/t-renamed/info/refs?service=git-upload-pack"))
        local cache = ("%s/cache-%s-%s"):format(w.dir, lookup, to:match "[^/]*$")
        local result = t:fetch(t:private { MOLECULE_HEAD_LOOKUP = lookup, MOLECULE_LOCAL_BUILD_CACHE = cache })
        assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
        local warning = ("the repository has a new name: %s leads to %s; change the prefix\n"):format(
          w.http .. api:format "claude-code", w.http .. api:format "renamed")
        assert.equal(lookup == "gitea", result.stderr:find(warning, 1, true) ~= nil, result.stderr)
      end
    end
  end)

  it("follows git's redirects a bounded number of times, and none to something that is not a repository", function()
    w:commit("private", "claude-code", world.template_files "x")
    for to, shown in pairs {
      ["/private/t-claude-code/info/refs?service=git-upload-pack"] = "/private/t-claude-code\n", ["/user/login"] = "/user/login\n",
    } do
      w:respond("/private/t-claude-code/info/refs", redirect(302, to))
      sh.write(w.forge .. "/log/access.log", "")
      local result = t:fetch(t:private { MOLECULE_HEAD_LOOKUP = "git" })
      assert.equal(4, result.status, result.stderr)
      assert.truthy(result.stderr:find("t-claude-code: the repository moved to " .. w.http .. shown, 1, true), result.stderr)
      assert.is_true(#w:requests "/private/" <= 14)
    end
  end)

  it("is not shown to the proxy that leads to its origin", function()
    local proxy = require("spec.support.hostile").start()
    local env = { https_proxy = proxy.url, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://forge.example/org/t-" }
    for count, lookup in ipairs { "gitea", "git" } do
      env.MOLECULE_HEAD_LOOKUP = lookup
      local result = t:fetch(env)
      assert.equal(4, result.status, result.stderr)
      assert.equal(count, select(2, proxy:requests():gsub("CONNECT forge%.example:443 ", "")))
    end
    local requests = proxy:requests()
    proxy:stop()
    assert.is_nil(requests:lower():find("\nauthorization:", 1, true), requests)
  end)

  it("is sent to no server without a valid certificate, whatever git's settings are", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local prefix = w["self-signed"] .. "/private/t-"
    sh.write(w.home .. "/.gitconfig", ('[http]\n\tsslVerify = false\n[http "%s"]\n\tsslVerify = false\n')
      :format(prefix:match "^(.*)/"))
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix, MOLECULE_HEAD_LOOKUP = "git" }
    -- Without a token that is the user's business.
    assert.equal(5, t:fetch(env, nil, {}).status)
    -- A git before 2.31 gets it in its arguments; it would send the token when the server asks for one.
    for _, path in ipairs { os.getenv "PATH", t:shim("git", "unset GIT_CONFIG_COUNT") } do
      env.PATH = path
      for _, no_verify in ipairs { false, "1" } do
        env.GIT_SSL_NO_VERIFY = no_verify
        local result = t:fetch(env)
        assert.equal(4, result.status, result.stderr)
        assert.truthy(result.stderr:find("certificate", 1, true), result.stderr)
      end
    end
    assert.equal(0, #(bearing(w)))
    -- It would have been sent.
    assert.equal(tag_of(sha) .. "\n", t:fetch(t:private { PATH = env.PATH }).stdout)
  end)

  it("stays at its origin when a fork sets job.repo_url, and the warning names both", function()
    local sha = w:commit("org", "claude-code", world.template_files "x")
    local other = t:second_forge()
    sh.write(w.dir .. "/moves.lua", ([[
      local ensure = molbuild.load(%q)
      local job_of = ensure.job
      function ensure.job(runtime)
        local job = job_of(runtime)
        job.repo_url = %q
        return job
      end
      return ensure
    ]]):format(w:fetch_policy(), other.http .. "/org/t-claude-code"))
    local result = t:run_with({ "run", w.dir .. "/moves.lua", "claude-code" }, t:private())
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    local with, all = bearing(other)
    assert.is_true(#all >= 2, "the other forge was not asked")
    assert.same({}, with)
    assert.equal(0, #w:requests "\t")
    assert.truthy(result.stderr:find(("the token for %s is not sent to %s"):format(w.http, other.http), 1, true), result.stderr)
    assert.equal("", t:found(other.forge .. "/log"))
  end)

  it("is the runtime's own where per_runtime names one, and goes to that runtime's repository alone", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local other = t:second_forge()
    local fork = w.dir .. "/own.lua"
    for name, value in pairs { token_env = "MY_TOKEN", token_file = w.dir .. "/own-token" } do
      sh.write(w.dir .. "/own-token", t.token .. "\n")
      sh.run("chmod 600 " .. w.dir .. "/own-token")
      sh.write(fork, ([[
        local ensure = molbuild.load(%q)
        ensure.per_runtime["claude-code"] = { repo_url = %q, %s = %q }
        return ensure
      ]]):format(w:fetch_policy(), other.http .. "/private/t-claude-code", name, value))
      sh.write(other.forge .. "/log/access.log", "")
      local secrets = { MOLECULE_GITEA_TOKEN = "the-token-of-another-forge", MY_TOKEN = name == "token_env" and t.token or nil }
      local env = t:private { MOLECULE_LOCAL_BUILD_CACHE = w.dir .. "/cache-" .. name }
      local result = t:run({ "run", fork, "claude-code" }, secrets, env)
      assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
      assert.is_true(#(bearing(other)) >= 2, result.stderr)
    end
    assert.equal(0, #w:requests "\t")
  end)

  it("shows no password that a redirect holds", function()
    w:commit("private", "claude-code", world.template_files "x")
    w:respond("/private/t-claude-code/info/refs", redirect(302, "http://user:" .. token .. "@h/info/refs"))
    local result = t:fetch(t:private())
    assert.truthy(result.stderr:find("the repository moved to http://***@h\n", 1, true), result.stderr)
  end)

  it("does not go where a user's url.insteadOf leads", function()
    local sha = w:commit("org", "claude-code", world.template_files "x")
    w:commit("private", "hermes", world.template_files "x")
    local other = t:second_forge()
    sh.write(w.home .. "/.gitconfig", ('[url "%s/"]\n\tinsteadOf = %s/\n'):format(other.http, w.http))
    local result = t:fetch()
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    -- There it is asked for one, too.
    result = t:fetch(t:private(), "hermes")
    assert.equal(5, result.status, result.stderr)
    local with, all = bearing(other)
    assert.equal(0, #with)
    assert.truthy(#all >= 3)
  end)

  it("does not go to submodules and LFS servers", function()
    local other = t:second_forge()
    local files = world.template_files "x"
    files[".gitmodules"] = ('[submodule "s"]\n\tpath = s\n\turl = %s/private/s\n'):format(other.http)
    files[".lfsconfig"] = ("[lfs]\n\turl = %s/private/lfs\n"):format(other.http)
    files[".gitattributes"] = "*.big filter=lfs diff=lfs merge=lfs -text\n"
    files["x.big"] = ("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize 5\n"):format(("a"):rep(64))
    local sha = w:commit("private", "claude-code", files, "main",
      "git update-index --add --cacheinfo 160000," .. ("1"):rep(40) .. ",s")
    sh.write(w.home .. "/.gitconfig", ([[
[submodule]
  recurse = true
[fetch]
  recurseSubmodules = true
[filter "lfs"]
  required = true
  process = "env >%s/ran; exit 1"
  smudge = "env >%s/ran; exit 1"
]]):format(w.dir, w.dir))
    local result = t:fetch(t:private())
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal(0, #other:requests "\t")
    assert.is_nil(sh.read(w.dir .. "/ran"))
  end)

  it("goes in clear text to this machine alone, and then through no proxy", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    local other = t:second_forge()
    sh.write(w.home .. "/.gitconfig", ("[http]\n\tproxy = %s\n"):format(other.http))
    local proxies = { http_proxy = other.http, all_proxy = other.http }
    local result = t:fetch(t:private(proxies))
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.equal(0, #other:requests "\t")
  end)

  it("goes in clear text to no other machine, unless that is allowed", function()
    local sha = w:commit("private", "claude-code", world.template_files "x")
    -- The forge plays the proxy that leads there.
    local env = {
      http_proxy = w.http, MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "http://forge.example/private/t-",
    }
    local result = t:fetch(env)
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("the token is not sent to http://forge.example/private/t-claude-code in clear text\n"
      .. "hint: use https, or set MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN=1", 1, true), result.stderr)
    assert.equal(0, #w:requests "\t")
    env.MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN = "1"
    result = t:fetch(env)
    assert.equal(tag_of(sha) .. "\n", result.stdout, result.stderr)
    assert.truthy(#(bearing(w)) >= 2)
  end)
end)
