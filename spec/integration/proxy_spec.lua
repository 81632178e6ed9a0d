-- Forward proxies, real ones: what uses them, what must not, and the messages when they do not work.
local proxy = require "spec.support.proxy"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local USER, PASSWORD = "joe", "pass/word-of-joe"

describe("a proxy", function()
  local w, through, tags

  lazy_setup(function()
    w, tags = world.new(), {}
    for _, org in ipairs { "org", "private" } do
      local sha = w:commit(org, "claude-code", world.template_files("by proxy " .. org))
      tags[org] = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n"
    end
  end)
  before_each(function() w:again() end)
  after_each(function()
    if through then through:stop() end
    through = nil
  end)
  lazy_teardown(function()
    world.remove_images()
    w:close()
  end)

  local function over_tls(env)
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX, env.SSL_CERT_FILE = w.https .. "/org/t-", w.ca
    return env
  end

  local function connect() return "CONNECT " .. w.https:match "//(.*)$" .. " " end

  local function hint_of(result) return result.stderr:match "\nhint: ([^\n]*)" or "" end

  --- That a run failed in one line that names neither user nor password of the proxy.
  local function assert_one_line(result)
    assert.equal(4, result.status, result.stderr)
    assert.equal(1, select(2, result.stderr:gsub("molbuild: local%-build: ", "")), result.stderr)
    assert.is_nil(result.stderr:find("word-of-joe", 1, true), result.stderr)
    assert.truthy(hint_of(result):find("HTTPS_PROXY", 1, true), result.stderr)
  end

  it("that HTTPS_PROXY names has the lookup and the clone, by tunnels", function()
    through = proxy.start()
    local result = w:ensure("claude-code", over_tls { HTTPS_PROXY = "http://" .. through.address })
    assert.equal(tags.org, result.stdout, result.stderr)
    -- One by molbuild, at least one by git.
    assert.is_true(through:requests(connect()) >= 2, through:log())
  end)

  it("is left out for the hosts of NO_PROXY", function()
    through = proxy.start()
    local result = w:ensure("claude-code", over_tls { HTTPS_PROXY = "http://" .. through.address, NO_PROXY = "127.0.0.1" })
    assert.equal(tags.org, result.stdout, result.stderr)
    assert.equal(0, through:requests "CONNECT ", through:log())
  end)

  it("that http_proxy names has what is asked by http, and never the engine's socket", function()
    through = proxy.start()
    local result = w:ensure("claude-code", { http_proxy = through.address, ALL_PROXY = through.address })
    assert.equal(tags.org, result.stdout, result.stderr)
    assert.is_true(through:requests("GET " .. w.http .. "/api/v1/repos/org/t-claude-code/branches/main ") == 1, through:log())
    assert.is_true(through:requests("GET " .. w.http .. "/org/t-claude-code/info/refs") >= 1, through:log())
    assert.is_nil(through:log():find("docker", 1, true))
    assert.is_nil(through:log():find("/images/", 1, true))
  end)

  it("gets its user and password, which nothing shows", function()
    through = proxy.start(USER, (PASSWORD:gsub("/", "-")))
    local address = ("http://%s:%s@%s"):format(USER, PASSWORD:gsub("/", "-"), through.address)
    local env = over_tls { HTTPS_PROXY = address }
    local result = w:run({ "run", "-v", "--trace=" .. w.dir .. "/trace", "ensure.lua", "claude-code" }, env)
    assert.equal(tags.org, result.stdout, result.stderr)
    assert.is_true(through:requests(connect()) >= 2, through:log())
    assert.is_nil(result.stderr:find("word-of-joe", 1, true), result.stderr)
    assert.equal("", sh.run(("grep -rl word-of-joe %s %s || true"):format(w.cache, w.dir .. "/trace")))
  end)

  it("whose address a policy prints is masked, in parts too", function()
    sh.write(w.dir .. "/says.lua", [[
      return { run = function()
        local address = molbuild.env.get "HTTPS_PROXY"
        print(address)
        print(address:match ":([^:]*)@")
        print "pass/word-of-joe"
        return "done"
      end }]])
    local env = { HTTPS_PROXY = "joe:pass%2Fword-of-joe@127.0.0.1:1" }
    local result = w:run({ "run", w.dir .. "/says.lua" }, env)
    assert.equal(0, result.status, result.stderr)
    assert.is_nil(result.stderr:find("word-of-joe", 1, true), result.stderr)
    assert.equal(3, select(2, result.stderr:gsub("%*%*%*", "")), result.stderr)
  end)

  for _, lookup in ipairs { "gitea", "git" } do
    it("that refuses is not asked again, and said in one line, by " .. lookup, function()
      through = proxy.start(USER, "another-password")
      local env = over_tls { HTTPS_PROXY = "http://joe:word-of-joe@" .. through.address, MOLECULE_HEAD_LOOKUP = lookup }
      local result = w:ensure("claude-code", env)
      assert_one_line(result)
      assert.truthy(result.stderr:find "40[17]", result.stderr)
      assert.is_true(through:requests(connect()) <= 2, through:log())
      assert.equal(0, #w:requests "/")
    end)

    it("that is down is an error of one line, by " .. lookup, function()
      local env = over_tls { HTTPS_PROXY = "http://joe:word-of-joe@127.0.0.1:1", MOLECULE_HEAD_LOOKUP = lookup }
      local result = w:ensure("claude-code", env)
      assert_one_line(result)
      assert.truthy(result.stderr:find("127.0.0.1 port 1", 1, true), result.stderr)
    end)

    it("gets no token that may go to this machine alone, by " .. lookup, function()
      through = proxy.start()
      local result = w:ensure("claude-code", {
        MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-", MOLECULE_GITEA_TOKEN = w.token,
        MOLECULE_HEAD_LOOKUP = lookup, http_proxy = through.address, ALL_PROXY = through.address,
      })
      assert.equal(tags.private, result.stdout, result.stderr)
      assert.is_nil(through:log():find("private", 1, true), through:log())
    end)
  end

  describe("and an engine by tcp", function()
    --- A run that the engine at HOST does not serve.
    local function ask(host, env)
      through = proxy.start()
      env.DOCKER_HOST, env.HTTP_PROXY = "tcp://" .. host, "http://" .. through.address
      assert.not_equal(0, w:ensure("claude-code", env).status)
      return through:requests("GET http://" .. host .. "/")
    end

    it("have nothing to do with each other on one machine", function()
      assert.equal(0, ask("127.0.0.1:1", {}))
    end)

    it("go together for another one", function()
      assert.is_true(ask("no-such-engine.invalid:2375", {}) >= 1, through:log())
    end)

    it("go apart by NO_PROXY", function()
      assert.equal(0, ask("no-such-engine.invalid:2375", { NO_PROXY = "no-such-engine.invalid" }))
    end)
  end)
end)
