-- Credentials in a repository's URL: taken out of it, and used as the token and its user.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local PASSWORD = "s3cr%2Ft%2Bword-of-the-url"
local TOKEN = "s3cr/t+word-of-the-url"

--- Strips the URL twice, as for two runtimes, and says what is known then, and what a child sees.
local POLICY = [[
local from = { env = "T_TOKEN", file = "T_FILE", user = "T_USER", credential = %s }
return { run = function()
  local url, value, user
  for _, runtime in ipairs { "a", "b" } do
    url = molbuild.token.strip(%s .. runtime, "T_URL")
    molbuild.names.repository(url, "T_URL")
    local found = molbuild.token.find(url, from)
    value, user = nil, nil
    if found then value, user = found:secret_for(url) end
  end
  molbuild.log.info("%%s", value or "no token")
  local child = molbuild.child.run { argv = { "env" }, capture = 65536 }
  local own = molbuild.core.fs.read "/proc/self/environ"
  return url, value and molbuild.core.sha256.hex(value) or "none", user or "none",
    child.stdout:match "T_URL=[^\n]*" or own:match "s3cr[^%%z]*" or "hidden"
end }
]]

describe("credentials in a URL", function()
  local dir

  before_each(function() dir = sh.temporary "token-url" end)
  after_each(function() sh.remove(dir) end)

  --- The words of a run, and its whole result.
  local function find(env, options)
    options = options or {}
    local policy = dir .. "/policy.lua"
    local asks = options.helper and "molbuild.git.credential" or "nil"
    sh.write(policy, POLICY:format(asks, options.url or 'molbuild.env.get "T_URL"'))
    local result = run.run { args = { "run", "--progress=plain", "--trace=" .. dir .. "/trace", policy }, env = env }
    local words = {}
    for line in result.stdout:gmatch "[^\n]+" do words[#words + 1] = line end
    -- It is in no line, whatever came of it.
    for _, text in ipairs { result.stdout, result.stderr, sh.read(dir .. "/trace") or "" } do
      assert.is_nil(text:find("s3cr", 1, true), text)
    end
    return words, result
  end

  local function digest(text)
    return sh.run("printf %s " .. sh.quote(text) .. " | sha256sum"):match "^%x+"
  end

  local function warnings(result)
    return select(2, result.stderr:gsub("T_URL holds credentials, which other programs may see or log: "
      .. "set T_TOKEN and T_USER, or T_FILE, instead\n", ""))
  end

  it("are its token and user, decoded, in no child's environment, and warned of once", function()
    local words, result = find { T_URL = "https://joe:" .. PASSWORD .. "@forge.example:8443/o/t-" }
    assert.same({ "https://forge.example:8443/o/t-b", digest(TOKEN), "joe", "hidden" }, words, result.stderr)
    assert.equal(1, warnings(result))
    assert.truthy(result.stderr:find("molbuild: ***\n", 1, true), result.stderr)
  end)

  it("are those of a URL in a policy, too", function()
    local words, result = find({}, { url = ('"https://joe:%s@forge.example/o/t-"'):format(PASSWORD) })
    assert.same({ "https://forge.example/o/t-b", digest(TOKEN), "joe", "hidden" }, words, result.stderr)
    assert.equal(1, warnings(result))
  end)

  for what, env in pairs { ["a variable"] = { T_TOKEN = "another-token" }, ["a file"] = { T_FILE = "FILE" } } do
    it("are overridden by the token of " .. what .. ", which has its own user", function()
      env.T_URL, env.T_FILE = "https://joe:" .. PASSWORD .. "@forge.example/o/t-", env.T_FILE and dir .. "/file"
      sh.write(dir .. "/file", "another-token\n")
      sh.run { "chmod", "600", dir .. "/file" }
      local words, result = find(env)
      assert.same({ "https://forge.example/o/t-b", digest "another-token", "none", "hidden" }, words, result.stderr)
      assert.equal(1, warnings(result))
    end)
  end

  it("leave the user's name to the variable that names one", function()
    local words = find { T_URL = "https://joe:" .. PASSWORD .. "@h/o/t-", T_USER = "deploy" }
    assert.same({ digest(TOKEN), "deploy" }, { words[2], words[3] })
  end)

  it("may be a token alone, as forges take it for the user", function()
    for _, userinfo in ipairs { PASSWORD, PASSWORD .. ":", PASSWORD .. ":x-oauth-basic", ":" .. PASSWORD } do
      local words, result = find { T_URL = "https://" .. userinfo .. "@h/o/t-" }
      assert.same({ "https://h/o/t-b", digest(TOKEN), "none", "hidden" }, words, result.stderr)
      assert.equal(1, warnings(result))
    end
  end)

  it("are a user alone where the token comes from elsewhere", function()
    local words, result = find { T_URL = "https://deploy@h/o/t-", T_TOKEN = "another-token" }
    assert.same({ "https://h/o/t-b", digest "another-token", "deploy", "hidden" }, words, result.stderr)
    assert.equal(0, warnings(result))
    sh.write(dir .. "/home/.gitconfig", '[credential]\n\thelper = "!f() { echo password=' .. TOKEN .. '; }; f"\n')
    words, result = find({ T_URL = "https://deploy@h/o/t-", HOME = dir .. "/home" }, { helper = true })
    assert.same({ "https://h/o/t-b", digest(TOKEN), "deploy", "hidden" }, words, result.stderr)
  end)

  it("are no token where they are too short for one", function()
    local words, result = find { T_URL = "https://me@h/o/t-" }
    assert.same({ "https://h/o/t-b", "none", "none", "hidden" }, words, result.stderr)
    assert.truthy(result.stderr:find("the user name in the URL of T_URL is not used: there is no token for it (T_TOKEN)", 1, true),
      result.stderr)
    assert.equal(1, select(2, result.stderr:gsub("is not used", "")))
  end)

  for userinfo, words in pairs {
    ["joe:s3cr"] = "the password in the URL of T_URL cannot be used: a secret must have at least 8 characters",
    ["joe:s3cr-et%20word"] = "the password in the URL of T_URL cannot be used: a token must not hold white space",
    ["joe:s3cr-et%0Aword"] = "the password in the URL of T_URL cannot be used: a secret must not hold control characters",
    ["j%3Ae:s3cr-et-word"] = "the user name in the URL of T_URL cannot be used: a user name must hold no colon",
  } do
    it(("are refused without being shown: %q"):format(userinfo:gsub("s3cr", "...")), function()
      local _, result = find { T_URL = "https://" .. userinfo .. "@h/o/t-" }
      assert.equal(2, result.status, result.stderr)
      assert.truthy(result.stderr:find(words, 1, true), result.stderr)
    end)
  end

  it("are not sent in clear text over a network", function()
    local _, result = find { T_URL = "http://joe:" .. PASSWORD .. "@forge.example/o/t-" }
    assert.equal(5, result.status, result.stderr)
    assert.truthy(result.stderr:find("the token is not sent to http://forge.example/o/t-a in clear text", 1, true))
  end)

  it("stay refused where a URL is no http", function()
    local _, result = find { T_URL = "ssh://joe:" .. PASSWORD .. "@forge.example/o/t-" }
    assert.equal(2, result.status, result.stderr)
    assert.truthy(result.stderr:find("a URL must not hold credentials", 1, true), result.stderr)
  end)
end)
