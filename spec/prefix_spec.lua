-- URLs of repositories, checked before anything is asked of them.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local git = require "molbuild.repository.git"
local gitea = require "molbuild.forge.gitea"
local names = require "molbuild.base.names"

describe("names.repository", function()
  -- Credentials in a URL are registered.
  after_each(core.mask.clear)

  for url, scheme in pairs {
    ["https://forge.example/org/t-x"] = "https", ["https://forge.example:3000/base/org/t-x.git"] = "https",
    ["http://[::1]:3000/org/t-x"] = "http", ["https://FORGE.example/org/t-x"] = "https", ["ssh://git@h:22/o/x"] = "ssh",
    ["git://h/x"] = "git", ["file:///srv/git/t-x"] = "file", ["file:///srv/with%20space/t-x"] = "file",
    ["https://h/o/%C3%A9"] = "https",
  } do
    it("takes " .. url, function()
      assert.equal(scheme, names.repository(url))
    end)
  end

  for _, url in ipairs {
    "", " ", "x", "--upload-pack=x", "-x", "ext::sh -c x", "ext://x/y/z", "fd::17", "a/../../b", "a%0ab",
    "/srv/git/x", "./x", "h:o/x",
    "git@h:o/x", "https://", "https:///", "https://h", "https://h/", "https://h/o", "https://h//o/x/..",
    "https://h/o/../x", "https://h/./o/x",
    "https://h/o/%2e%2e/x", "https://h/o%2fx/y", "https://h/o/a%0Ab", "https://h/o/a%7f", "https://h/o/%zz",
    "https://h/o/x%",
    "https://h/o/a\nb", "https://h/o/a\tb", "https://h/o/a b", "https://h/o/x ", " https://h/o/x",
    "file:///a b/x", "https://h/o\\x/y",
    "https://h\\@x/o/y", "https://h:99999/o/x", "https://h:x/o/x", "https://[::1/o/x",
    "https://[fe80::1%25eth0]/o/x", "https://-h/o/x",
    "ssh://-oProxyCommand=x/o/x", "ssh://-u@h/o/x", "https://me@h/o/x", "https://me:password1@h/o/x",
    "https://h/o/x?y", "https://h/o/x#y",
    "HTTPS://h/o/x", "ftp://h/o/x", "javascript://h/o/x", "file://host/a", "file:///", "https://h/o/x\0y",
  } do
    it(("refuses %q"):format(url):gsub("%c", "?"), function()
      local ok, failure = pcall(names.repository, url)
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "usage"))
      local shown = errors.format(failure):gsub("\nhint: [^\n]*$", "")
      assert.is_nil(shown:find "[\n\r\t]")
      assert.is_nil(shown:find("password1", 1, true))
    end)
  end
end)

describe("what names.repository says", function()
  local function failure_of(url, where)
    return select(2, pcall(names.repository, url, where))
  end

  it("begins with where the URL came from", function()
    assert.equal('THE_PREFIX: "x" is not a URL of the scheme https, http, ssh, git or file', failure_of("x", "THE_PREFIX").message)
    assert.truthy(failure_of("https://h/o", "THE_PREFIX").message:find('^THE_PREFIX: the repository "https://h/o" cannot'))
  end)

  it("says how to write what git itself would accept", function()
    assert.equal("write a directory as file:///srv/git/...", failure_of("/srv/git/t-x").hint)
    assert.equal("write a host that ssh reaches as ssh://git@host/org/...", failure_of("git@h:org/t-x").hint)
    for _, url in ipairs { "x", "ext::sh -c x", "ftp://h/o/x", "--upload-pack=x" } do
      assert.is_nil(failure_of(url).hint)
    end
  end)
end)

describe("a branch", function()
  it("is checked before it becomes part of a URL or an argument", function()
    for _, branch in ipairs { "--x", "a..b", "a b", "refs/../x", "" } do
      for _, ask in ipairs { gitea.branch_head, git.branch_head } do
        local ok, failure = pcall(ask, "https://127.0.0.1:1/o/x", branch, {})
        assert.is_false(ok)
        assert.is_true(errors.is(failure, "usage"), tostring(failure))
      end
    end
  end)
end)
