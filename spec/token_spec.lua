-- Where a forge token comes from, and who gets to see it: the program itself, run with a small policy.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local TOKEN = "s3cr/t+%w0rd-for-the-forge"

--- Finds a token, and says what is known of it: its digest and user, what children see, and whether they and we can be dumped.
local POLICY = [[
local url, names, fs = "%s", { env = "T_TOKEN", file = "T_FILE", user = "T_USER", credential = %s }, molbuild.core.fs
return { words = { prefix = "local-build" }, run = function(args)
  local token, user, source
  for _ = 1, 2 do
    local found = molbuild.token.find(url, names)
    if found then token, user = found:secret_for(url) end
    source = found and found:source()[1] or "nowhere"
  end
  if token and args[1] then molbuild.log.info("this is it: %%s", token) end
  local child = molbuild.child.run { argv = { "sh", "-c", "env; cat /proc/self/limits" }, capture = 65536 }
  local own = fs.read "/proc/self/environ"
  return token and molbuild.core.sha256.hex(token) or "none", user or "none",
    child.stdout:find("T_", 1, true) and "a child sees it" or "no child sees it",
    own and own:find("%s", 1, true) and "it is shown" or "it is not shown",
    child.stdout:match "Max core file size +%%w+" or "", fs.lstat("/proc/self/environ").uid, source
end }
]]

describe("a token", function()
  local dir

  before_each(function()
    dir = sh.temporary "token"
  end)

  after_each(function()
    sh.remove(dir)
  end)

  --- Run the policy: its words, then the whole result.
  local function find(env, options)
    options = options or {}
    local policy = dir .. "/policy.lua"
    local asks = options.helper and "molbuild.git.credential" or "nil"
    sh.write(policy, POLICY:format(options.url or "https://forge.example/o/r", asks, "s3cr"))
    local result = run.run {
      args = { "run", "--progress=plain", policy, options.show }, env = env, prefix = options.prefix, program = options.program,
    }
    local words = {}
    for line in result.stdout:gmatch "[^\n]+" do words[#words + 1] = line end
    return words, result
  end

  local function digest(text)
    return sh.run("printf %s " .. sh.quote(text) .. " | sha256sum"):match "^%x+"
  end

  local function assert_token(words, token, user)
    assert.equal(digest(token), words[1])
    assert.equal(user or "none", words[2])
  end

  local function file(content, mode)
    sh.write(dir .. "/token", content)
    sh.run { "chmod", mode or "600", dir .. "/token" }
    return dir .. "/token"
  end

  local function assert_usage(env, words, options)
    local _, result = find(env, options)
    assert.equal(2, result.status, result.stderr)
    assert.equal("", result.stdout)
    local lines = select(2, result.stderr:gsub("molbuild: local%-build: ", ""))
    assert.equal(1, lines, result.stderr)
    assert.truthy(result.stderr:find(words, 1, true), result.stderr)
    assert.is_nil(result.stderr:find("s3cr", 1, true), result.stderr)
    assert.is_nil(result.stderr:find("traceback", 1, true), result.stderr)
  end

  it("is none when nothing names one", function()
    assert.equal("none", find({})[1])
    assert.equal("none", find({ T_TOKEN = "", T_FILE = "", T_USER = "" })[1])
    assert.equal("none", find({ T_TOKEN = "\n" })[1])
  end)

  it("comes from a variable, and a newline at its end is forgiven", function()
    assert_token(find { T_TOKEN = TOKEN }, TOKEN)
    assert_token(find { T_TOKEN = TOKEN .. "\n" }, TOKEN)
    assert_token(find { T_TOKEN = TOKEN .. "\r\n" }, TOKEN)
  end)

  it("comes from a file, which counts after the variable", function()
    assert_token(find { T_FILE = file(TOKEN .. "\n") }, TOKEN)
    assert_token(find { T_FILE = file "another-s3cret", T_TOKEN = TOKEN }, TOKEN)
    sh.run { "ln", "-s", file(TOKEN), dir .. "/link" }
    local words, result = find { T_FILE = dir .. "/link" }
    assert_token(words, TOKEN)
    assert.is_nil(result.stderr:find("other users can read", 1, true), result.stderr)
  end)

  it("comes from a file as editors save it", function()
    for _, text in ipairs { "\xEF\xBB\xBF" .. TOKEN .. "\r\n", TOKEN .. "\r\n", "\xEF\xBB\xBF" .. TOKEN } do
      assert_token(find { T_FILE = file(text) }, TOKEN)
    end
    assert_usage({ T_FILE = file "\xFF\xFEs\0" }, "T_FILE: " .. dir .. "/token is UTF-16 text: save it as UTF-8")
    assert_usage({ T_FILE = file "\xEF\xBB\xBF\n" }, "T_FILE: there is no token in " .. dir .. "/token")
    assert_usage({ T_FILE = "~/token" }, 'T_FILE: "~/token" begins with ~')
  end)

  it("names its source", function()
    assert.equal("nowhere", find({})[7])
    assert.equal("T_TOKEN", find({ T_TOKEN = TOKEN, T_FILE = file "another-s3cret" })[7])
    assert.equal(dir .. "/token (T_FILE)", find({ T_FILE = file(TOKEN) })[7])
  end)

  it("has a file that others should not read: they are warned of once", function()
    for _, mode in ipairs { "644", "640", "604" } do
      local words, result = find { T_FILE = file(TOKEN, mode) }
      assert_token(words, TOKEN)
      local _, times = result.stderr:gsub("T_FILE: other users can read ", "")
      assert.equal(1, times, result.stderr)
    end
  end)

  it("is not in a file that cannot be read", function()
    assert_usage({ T_FILE = dir .. "/none" }, "T_FILE: cannot read " .. dir .. "/none: ")
    assert_usage({ T_FILE = dir }, "T_FILE: cannot read " .. dir .. ": ")
    assert_usage({ T_FILE = file "" }, "T_FILE: there is no token in " .. dir .. "/token")
    assert_usage({ T_FILE = file "\n" }, "T_FILE: there is no token in " .. dir .. "/token")
    assert_usage({ T_FILE = file(("s3cr"):rep(2000)) }, "T_FILE: " .. dir .. "/token is larger than ")
    sh.run { "mkfifo", dir .. "/fifo" }
    assert_usage({ T_FILE = dir .. "/fifo" }, "fifo is not a regular file")
  end)

  it("is not shown when it is refused", function()
    assert_usage({ T_TOKEN = "s3cr" }, "T_TOKEN cannot be used: a secret must have at least 8 characters")
    assert_usage({ T_TOKEN = "s3cret\27[31mword" }, "T_TOKEN cannot be used: a secret must not hold control characters")
    assert_usage({ T_TOKEN = "s3cret-word\n\n" }, "must not hold control characters")
    assert_usage({ T_TOKEN = "s3cret word" }, "T_TOKEN cannot be used: a token must not hold white space")
    assert_usage({ T_FILE = file "s3cret-word\nHost: evil" }, "the token in " .. dir .. "/token cannot be used")
    assert_usage({ T_FILE = file "s3cret-word\0" }, "must not hold control characters")
  end)

  it("has a user name, which the masker knows", function()
    assert_token(find { T_TOKEN = TOKEN, T_USER = "deploy" }, TOKEN, "deploy")
    assert_usage({ T_TOKEN = TOKEN, T_USER = "a:b" }, "T_USER cannot be used: a user name must hold no colon")
    assert_usage({ T_TOKEN = TOKEN, T_USER = "a\nb" }, "T_USER cannot be used")
    assert_usage({ T_TOKEN = TOKEN, T_USER = ("x"):rep(300) }, "T_USER cannot be used")
  end)

  it("is masked", function()
    local words, result = find({ T_TOKEN = TOKEN }, { show = "yes" })
    assert_token(words, TOKEN)
    assert.truthy(result.stderr:find("this is it: ***\n", 1, true), result.stderr)
  end)

  it("is in no child's environment, and in our own no more", function()
    assert.same({ "no child sees it", "it is not shown" }, table.move(find { T_TOKEN = TOKEN }, 3, 4, 1, {}))
    local env = { T_FILE = file(TOKEN), T_USER = "deploy" }
    assert.same({ "no child sees it", "it is not shown" }, table.move(find(env), 3, 4, 1, {}))
    -- Nor where it has no use.
    local words = find({ T_TOKEN = TOKEN, T_FILE = file(TOKEN), T_USER = "deploy" }, { url = "ssh://git@forge.example/o/r" })
    assert.same({ "none", "none", "no child sees it", "it is not shown" }, table.move(words, 1, 4, 1, {}))
  end)

  it("can be in no core dump, and no other process can look for it", function()
    -- What must not be dumped belongs to root below /proc: shown by a process of another user.
    local prefix
    if sh.run "id -u" == "0" then
      prefix = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
      -- The directory for temporary files may be root's alone.
      sh.remove(dir)
      dir = sh.run { "mktemp", "-d", "/tmp/molbuild-token.XXXXXX" }
      sh.run { "chmod", "711", dir }
    end
    sh.run { "cp", run.program, dir .. "/molbuild" }
    local options = { prefix = prefix, program = dir .. "/molbuild" }
    local words = find({ T_TOKEN = TOKEN }, options)
    -- A byte is none: see sys_protect_memory().
    assert.same({ "Max core file size none", "0" }, { (words[5]:gsub(" +", " "):gsub(" [01]$", " none")), words[6] })
    assert.are_not.equal("0", find({}, options)[6])
  end)

  -- What follows are git's own credential helpers. -------------------------------------------------------------------

  --- A home whose git configuration names this helper, a shell function's body.
  local function home(body)
    sh.write(dir .. "/home/.gitconfig", ('[credential]\n\thelper = "!f() { %s }; f"\n'):format(
      body:gsub("DIR", dir):gsub('"', '\\"')))
    return dir .. "/home"
  end

  local ANSWERS = [[cat >DIR/asked; echo $1 >>DIR/asked; env >DIR/env; echo username=joe; echo "password=]] .. TOKEN .. [[";]]

  it("comes from git's credential helpers only where that is asked for", function()
    local env = { HOME = home(ANSWERS) }
    assert.equal("none", find(env)[1])
    assert.is_nil(sh.read(dir .. "/asked"))
    local words, result = find(env, { helper = true, url = "https://forge.example:8443/o/r", show = "yes" })
    assert_token(words, TOKEN, "joe")
    local asked = sh.read(dir .. "/asked")
    assert.truthy(asked:find("protocol=https\nhost=forge.example:8443\n", 1, true), asked)
    assert.equal("get", asked:match "(%a+)\n$")
    assert.truthy(result.stderr:find("this is it: ***\n", 1, true), result.stderr)
  end)

  it("of a helper is in no line, no event and no error", function()
    local env = { HOME = home(ANSWERS) }
    for _, mode in ipairs { "plain", "json" } do
      local policy = dir .. "/policy.lua"
      sh.write(policy, POLICY:format("https://forge.example/o/r", "molbuild.git.credential", "s3cr"))
      local result = run.run { args = { "run", "-v", "--progress=" .. mode, "--trace=" .. dir .. "/trace", policy }, env = env }
      assert.equal(0, result.status, result.stderr)
      assert.is_nil(result.stderr:find("password", 1, true), result.stderr)
      assert.is_nil(sh.read(dir .. "/trace"):find("password", 1, true))
    end
  end)

  it("of the environment counts before the helpers, which are then not asked", function()
    assert_token(find({ HOME = home(ANSWERS), T_TOKEN = TOKEN }, { helper = true }), TOKEN)
    assert_token(find({ HOME = home(ANSWERS), T_FILE = file(TOKEN) }, { helper = true }), TOKEN)
    assert.is_nil(sh.read(dir .. "/asked"))
  end)

  it("is asked for once, and its user name can be another", function()
    local env = { HOME = home([[echo x >>DIR/times; echo username=joe; echo "password=]] .. TOKEN .. [[";]]), T_USER = "deploy" }
    assert_token(find(env, { helper = true }), TOKEN, "deploy")
    assert.equal("x\n", sh.read(dir .. "/times"))
  end)

  it("is not prompted for when no helper has one: the run continues without, with a warning", function()
    for name, env in pairs {
      ["no helper"] = {},
      ["a program that asks"] = { GIT_ASKPASS = dir .. "/ask", SSH_ASKPASS = dir .. "/ask" },
      ["a helper that fails"] = { HOME = home "exit 1;" },
      ["an empty password"] = { HOME = home "echo username=joe; echo password=;" },
    } do
      sh.write(dir .. "/ask", "#!/bin/sh\necho asked-and-answered\n")
      sh.run { "chmod", "+x", dir .. "/ask" }
      local words, result = find(env, { helper = true })
      assert.equal("none", words[1], name .. result.stderr)
      assert.truthy(result.stderr:find("have no password for https://forge.example", 1, true), name .. result.stderr)
    end
  end)

  it("of a helper is refused without being shown", function()
    assert_usage({ HOME = home [[echo username=joe; echo password=s3cr;]] },
      "the password of git's credential helpers cannot be used", { helper = true })
  end)

  -- Where it may be sent. --------------------------------------------------------------------------------------------

  for _, url in ipairs {
    "http://forge.example/o/r", "http://192.0.2.1/o/r", "http://127.0.0.1.example/o/r", "http://127.0.0.256/o/r",
    "http://localhost.example/o/r", "http://[::2]/o/r", "http://[::ffff:127.0.0.1]/o/r", "http://127.1.example:80/o/r",
    "http://0.0.0.0/o/r",
  } do
    it("does not go to " .. url, function()
      local _, result = find({ T_TOKEN = TOKEN }, { url = url })
      assert.equal(5, result.status, result.stderr)
      assert.truthy(result.stderr:find("the token is not sent to " .. url .. " in clear text\nhint: use https", 1, true),
        result.stderr)
    end)
  end

  it("goes over a network in clear text where that is allowed", function()
    local url = "http://192.0.2.1/o/r"
    assert_token(find({ T_TOKEN = TOKEN, MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN = "1" }, { url = url }), TOKEN)
    assert.equal("none", find({}, { url = url })[1])
  end)

  for _, url in ipairs { "http://127.0.0.1:8080/o/r", "http://127.8.9.10/o/r", "http://localhost/o/r", "http://[::1]:1/o/r" } do
    it("goes to " .. url, function()
      assert_token(find({ T_TOKEN = TOKEN }, { url = url }), TOKEN)
    end)
  end
end)

describe("the password of a proxy", function()
  for _, name in ipairs { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" } do
    it("in " .. name .. " is masked in every place", function()
      local dir = sh.temporary "proxy"
      sh.write(dir .. "/policy.lua", [[return { run = function() return "it is p@ss-word, or p%40ss-word" end }]])
      for _, value in ipairs { "http://user:p%40ss-word@proxy.example:3128", "user:p%40ss-word@proxy.example" } do
        local result = run.run { args = { "run", dir .. "/policy.lua" }, env = { [name] = value } }
        assert.equal("it is ***, or ***\n", result.stdout, result.stderr)
      end
      sh.remove(dir)
    end)
  end
end)
