-- What becomes of a user's git configuration: which settings have no effect, and which only git uses.
local env = require "molbuild.base.env"
local overrides = require "molbuild.repository.overrides"

local URL = "https://forge.example/org/t-hermes"

--- Settings as git prints them; each is { name, value } or { name, value, origin }.
local function settings(...)
  local text = {}
  for index, entry in ipairs { ... } do
    text[index] = ("%s\0%s\n%s\0"):format(entry[3] or "file:/home/me/.gitconfig", entry[1], entry[2])
  end
  return overrides.parse(table.concat(text))
end

local PLAIN = { token = false, helpers = false }
local WITH_TOKEN = { token = true, helpers = false }

describe("a git configuration", function()
  local get, variables = env.get, nil
  before_each(function()
    variables = {}
    env.get = function(name) return variables[name] end
  end)
  after_each(function() env.get = get end)

  it("is read as git prints it, without molbuild's own settings", function()
    assert.same({ { key = "a.b", value = "1\n2" }, { key = "c.d", value = "" } },
      settings({ "a.b", "1\n2" }, { "core.hookspath", "/dev/null", "command line:" }, { "c.d", "" }))
    assert.same({ { key = "e.f", value = "" } }, overrides.parse "file:x\0e.f\0")
    assert.same({}, overrides.parse "")
  end)

  it("names each setting that is overridden once, and no value", function()
    local list = settings({ "core.autocrlf", "true" }, { "core.autocrlf", "input" }, { "core.hookspath", "s3cret" },
      { "user.name", "me" }, { "filter.lfs.smudge", "git-lfs smudge" }, { "trace2.eventtarget", "/tmp/x" })
    assert.same({ "core.autocrlf", "core.hookspath", "filter.lfs.smudge", "trace2.eventtarget" }, overrides.names(list, PLAIN))
  end)

  it("does not name a setting that has molbuild's own value", function()
    assert.same({}, overrides.names(settings({ "core.autocrlf", "false" }, { "core.eol", "lf" }), PLAIN))
  end)

  it("names credential helpers unless they are used", function()
    local list = settings({ "credential.helper", "store" }, { "credential.https://forge.example.helper", "!f() { echo x; }; f" },
      { "credential.https://forge.example.username", "me" })
    assert.same({ "credential.helper", "credential.https://forge.example.helper" }, overrides.names(list, PLAIN))
    assert.same({}, overrides.names(list, { token = false, helpers = true }))
  end)

  it("has settings that a token overrides", function()
    local list = settings({ "http.sslverify", "false" }, { "http.https://forge.example/.extraheader", "Authorization: Basic eA==" },
      { "http.extraheader", "X-Team: a" }, { "http.followredirects", "true" })
    assert.same({}, overrides.names(list, PLAIN))
    assert.same({ "http.sslverify", "http.https://forge.example/.extraheader", "http.followredirects" },
      overrides.names(list, WITH_TOKEN))
  end)

  it("shows no credentials of a URL in a name", function()
    local names = overrides.names(settings { "credential.https://me:pass-word@forge.example.helper", "x" }, PLAIN)
    assert.equal(1, #names)
    assert.is_nil(names[1]:find("pass-word", 1, true), names[1])
  end)

  it("is joined by variables that git does not get, or that only git uses", function()
    variables = { GIT_DIR = "/x", GIT_CONFIG_COUNT = "1", GIT_SSL_NO_VERIFY = "1", GIT_SSL_CAINFO = "/ca.pem" }
    assert.same({ "GIT_DIR", "GIT_CONFIG_COUNT" }, overrides.names({}, PLAIN))
    assert.same({ "GIT_DIR", "GIT_CONFIG_COUNT", "GIT_SSL_NO_VERIFY" }, overrides.names({}, WITH_TOKEN))
    assert.equal("GIT_SSL_NO_VERIFY", overrides.unverified({}, URL))
    assert.same({ "GIT_SSL_CAINFO" }, overrides.only_git({}, URL))
  end)

  it("may give a URL another beginning: the longest that fits", function()
    local list = settings({ "url.https://mirror.example/.insteadof", "https://forge.example/" },
      { "url.git@mirror.example:.insteadof", "https://forge.example/org/" }, { "url.https://x/.insteadof", "https://elsewhere/" })
    assert.equal("git@mirror.example:t-hermes", overrides.instead_of(list, URL))
    assert.is_nil(overrides.instead_of(list, "https://third.example/org/t-hermes"))
    assert.is_nil(overrides.instead_of(settings { "url.https://forge.example/.insteadof", "https://forge.example/" }, URL))
    assert.is_nil(overrides.instead_of(settings { "url.https://push.example/.pushinsteadof", "https://forge.example/" }, URL))
  end)

  it("may make git accept any certificate", function()
    assert.equal("http.sslverify", overrides.unverified(settings { "http.sslverify", "false" }, URL))
    assert.equal("http.https://forge.example.sslverify",
      overrides.unverified(settings { "http.https://forge.example.sslverify", "0" }, URL))
    assert.is_nil(overrides.unverified(settings { "http.https://other.example.sslverify", "false" }, URL))
    assert.is_nil(overrides.unverified(settings({ "http.sslverify", "false" }, { "http.sslverify", "true" }), URL))
  end)

  it("may have proxies and certificates that the lookup does not use", function()
    assert.same({ "http.proxy", "http.https://forge.example/org.sslcainfo" }, overrides.only_git(settings(
      { "http.proxy", "http://me:pw@proxy:3128" }, { "http.https://forge.example/org.sslcainfo", "/ca.pem" },
      { "http.https://other.example.proxy", "http://p" }, { "http.sslcert", "" }), URL))
  end)
end)
