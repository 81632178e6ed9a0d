-- A token belongs to one origin.
local core = require "molbuild.core"
local credential = require "molbuild.forge.credential"
local errors = require "molbuild.base.errors"
local log = require "molbuild.base.log"
local token = require "molbuild.forge.token"

describe("a token object", function()
  local warnings, warn_once, getenv = nil, log.warn_once, core.sys.getenv
  local mine

  before_each(function()
    warnings = {}
    log.warn_once = function(format, ...) warnings[#warnings + 1] = format:format(...) end
    core.sys.getenv = function() end
    mine = token.new("s3cret-word", "https://forge.example:8443/o/r", "deploy")
  end)

  after_each(function()
    log.warn_once, core.sys.getenv = warn_once, getenv
  end)

  for _, url in ipairs {
    "https://forge.example:8443/o/r", "https://forge.example:8443/api/v1/x", "https://Forge.Example:8443/other",
  } do
    it("gives its secret for " .. url, function()
      assert.same({ "s3cret-word", "deploy" }, { mine:secret_for(url) })
      assert.same({ "s3cret-word", "deploy" }, { credential.secret_for(mine, url) })
      assert.same({}, warnings)
    end)
  end

  for _, url in ipairs {
    "https://forge.example/o/r", "http://forge.example:8443/o/r", "https://other.example:8443/o/r",
    "https://forge.example:8443@other.example/o/r", "https://forge.example.evil.example:8443/", "https://127.0.0.1:8443/",
  } do
    it("gives none for " .. url, function()
      assert.is_nil(mine:secret_for(url))
      assert.equal(1, #warnings)
      assert.truthy(warnings[1]:find("the token for https://forge.example:8443 is not sent to ", 1, true))
      assert.is_nil(warnings[1]:find "s3cret")
    end)
  end

  it("is not used for ssh, git and file", function()
    for _, url in ipairs { "ssh://git@forge.example:8443/o/r", "git://forge.example/o/r", "file:///srv/r" } do
      assert.is_nil(mine:secret_for(url))
    end
    assert.same({}, warnings)
  end)

  it("takes a default port for none", function()
    local other = token.new("s3cret-word", "https://forge.example/o/r")
    assert.equal("s3cret-word", (other:secret_for "https://forge.example:443/o/r"))
  end)

  it("refuses clear text over a network, and allows it on this machine", function()
    local other = token.new("s3cret-word", "http://forge.example/o/r")
    local ok, failure = pcall(other.secret_for, other, "http://forge.example/")
    assert.is_false(ok)
    assert.is_true(errors.is(failure, "auth"))
    assert.equal("s3cret-word", (token.new("s3cret-word", "http://127.0.0.1:80/o"):secret_for "http://127.0.0.1/x"))
  end)

  it("does not show its secret", function()
    assert.equal("a token for https://forge.example:8443", tostring(mine))
    for name, value in pairs(mine) do error(("a field %s: %s"):format(name, value)) end
    assert.equal("deploy", mine:user())
  end)

  it("is no plain text", function()
    for _, value in ipairs { "s3cret-word", {}, 7 } do
      local ok, failure = pcall(credential.secret_for, value, "https://forge.example/")
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "bug"))
      assert.truthy(failure.message:find("molbuild.token.new", 1, true))
    end
    assert.is_nil(credential.secret_for(nil, "https://forge.example/"))
  end)

  it("is made of a word that the masker takes", function()
    for _, secret in ipairs { "", "\n", "two words" } do
      local ok, failure = pcall(token.new, secret, "https://forge.example/")
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "usage"), tostring(failure))
    end
  end)
end)
