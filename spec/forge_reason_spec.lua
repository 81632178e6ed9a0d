-- A forge's message when it gives no commit, and the error for it.
local core = require "molbuild.core"
local reason = require "molbuild.forge.reason"

local API = "https://h/api/v1/repos/o/x/branches/main"

local function response(status, body, headers, redirect)
  headers = headers or { ["content-type"] = "application/json" }
  return { status = status, body = body, headers = headers, url = API, redirect = redirect }
end

describe("gitea_reason.words", function()
  local function words(body) return reason.words { body = body } end

  it("are the message and the errors that are listed", function()
    assert.equal("token does not have at least one of required scope(s): [read:repository]",
      words [[{"message":"token does not have at least one of required scope(s): [read:repository]","url":"u"}]])
    assert.equal("oops; first; second", words [[{"message":"oops","errors":["first","second"]}]])
    assert.equal("branch does not exist [name: x]",
      words [[{"message":"The target couldn't be found.","errors":["branch does not exist [name: x]"]}]])
  end)

  for name, body in pairs {
    ["what every 404 says"] = [[{"errors":null,"message":"The target couldn't be found.","url":"u"}]],
    ["a page"] = "<html>no</html>", ["nothing"] = "", ["a list"] = "[1]", ["a number"] = "7", ["null"] = "null",
    ["a message that is no text"] = [[{"message":{"x":1},"errors":[7,{}]}]],
    ["an empty message"] = [[{"message":" \n "}]],
    ["more than an API's error takes"] = [[{"message":"]] .. ("x"):rep(1 << 16) .. [["}]],
  } do
    it("are none for " .. name, function() assert.is_nil(words(body)) end)
  end

  it("are one line that steers no terminal, and not long", function()
    assert.equal("a b?[31mc?d", words [[{"message":"a\r\n b\u001b[31mc\u202ed"}]])
    assert.equal(("x"):rep(200) .. "...", words([[{"message":"]] .. ("x"):rep(9000) .. [["}]]))
  end)

  it("have secrets masked, those at the cut too", function()
    core.mask.secret "a-secret-that-is-cut-off"
    finally(core.mask.clear)
    assert.equal(("x"):rep(197) .. "***...", words([[{"message":"]] .. ("x"):rep(197) .. "a-secret-that-is-cut-off"
      .. ("x"):rep(99) .. [["}]]))
  end)
end)

describe("gitea_reason.is_branch", function()
  for words, want in pairs {
    ["branch does not exist [name: main]"] = true, ["Git Repository is empty."] = true,
    ["object does not exist [id: refs/heads/main, rel_path: ]"] = true, ["Branch not found"] = true,
    ["user redirect does not exist [name: o]"] = false, ["token is required"] = false,
  } do
    it(("is %s for %s"):format(want, words), function() assert.equal(want, reason.is_branch(words)) end)
  end

  it("is false without a message", function() assert.is_false(reason.is_branch(nil)) end)
end)

describe("gitea_reason.failure", function()
  local function failure(...) return reason.failure(API, response(...)) end

  it("is no forge's where this machine had no descriptor or memory", function()
    local of = reason.failure(API, nil, API .. ": cannot open a connection: Too many open files", "EMFILE")
    assert.equal("failed", of.kind)
    assert.truthy(of.hint:find("ulimit -n", 1, true))
    assert.equal("remote", reason.failure(API, nil, API .. ": refused", "connect").kind)
  end)

  it("has the forge's words beside a refusal, and behind a status that was not expected", function()
    local of = failure(403, [[{"message":"missing scope"}]])
    assert.same({ "auth", "auth failure (403) at " .. API, "missing scope" }, { of.kind, of.message, of.said })
    of = failure(500, [[{"message":"database is locked"}]])
    assert.same({ "remote", 500, ("unexpected status 500 at %s: database is locked"):format(API) },
      { of.kind, of.status, of.message })
    assert.equal("unexpected status 500 at " .. API, failure(500, "<html>").message)
  end)

  for name, body in pairs {
    ["a page"] = "<!DOCTYPE html><title>404</title>", ["nothing"] = "",
    ["another API"] = [[{"error":"404 Not Found"}]],
    ["a third one"] = [[{"message":"Not Found","documentation_url":"https://docs.example/rest"}]],
  } do
    it("says of a 404 with " .. name .. " that it is of no Gitea", function()
      local of = failure(404, body)
      assert.same({ "not_found", "no_api", "repo not found at " .. API }, { of.kind, of.code, of.message })
    end)
  end

  it("says of Gitea's 404 nothing of the kind", function()
    assert.is_nil(failure(404, [[{"errors":null,"message":"The target couldn't be found."}]]).code)
  end)

  it("reports where a redirect leads, and what it may be", function()
    local to = "https://other/api/v1/repos/o/x/branches/main"
    assert.equal(("the repository moved: %s leads to %s; change the prefix"):format(API, to),
      failure(301, "", {}, to).message)
    assert.equal(API .. " leads to https://sso/login; change the prefix if the repository is there; a login page does not take the "
      .. "token", failure(302, "", {}, "https://sso/login").message)
  end)
end)

describe("gitea_reason.page", function()
  it("is an error for a web page, and reports where it is", function()
    local page = response(200, "<html>Sign in</html>", { ["content-type"] = "text/html; charset=utf-8" })
    local of = reason.page(page, API)
    assert.same({ "remote", "no_api" }, { of.kind, of.code })
    assert.truthy(of.message:find(API .. " answered with a web page", 1, true), of.message)
    page.url = "https://h/user/login?to=x"
    assert.truthy(reason.page(page, API).message:find(", which leads to https://h/user/login?to=x, answered", 1, true))
  end)

  it("is none for an answer of an API", function()
    assert.is_nil(reason.page(response(200, '{"commit":null}'), API))
    assert.is_nil(reason.page(response(200, ""), API))
  end)
end)
