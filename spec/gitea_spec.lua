local errors = require "molbuild.base.errors"
local gitea = require "molbuild.forge.gitea"

local SHA = "0123456789abcdef0123456789abcdef01234567"
local LONG = ("0123456789abcdef"):rep(4)

describe("gitea.commit_of", function()
  for body, want in pairs {
    [('{"commit":{"id":"%s"}}'):format(SHA)] = SHA,
    [('{"commit":{"id":"%s"}}'):format(LONG)] = LONG,
    [(' { "name" : "main", "commit" : { "x":[[{}]], "id" : "%s" } } '):format(SHA)] = SHA,
    -- Of two fields with one name the last counts, as everywhere.
    [('{"commit":{"id":"x"},"commit":{"id":"y","id":"%s"}}'):format(SHA)] = SHA,
    [('{"commit":{"id":"\\u0030%s"}}'):format(SHA:sub(2))] = SHA,
  } do
    it("takes the commit from " .. body, function() assert.equal(want, gitea.commit_of(body, "h")) end)
  end

  local deep = 100000
  for name, body in pairs {
    ["nothing"] = "",
    ["no JSON"] = "<html>",
    ["half an answer"] = ('{"commit":{"id":"%s"}'):format(SHA),
    ["more behind it"] = ('{"commit":{"id":"%s"}}}'):format(SHA),
    ["a list"] = "[]",
    ["a number"] = "1e999999999",
    ["null"] = "null",
    ["a commit that is a text"] = ('{"commit":"%s"}'):format(SHA),
    ["a commit that is null"] = '{"commit":null}',
    ["a commit that is a list"] = ('{"commit":["%s"]}'):format(SHA),
    ["an id that is a number"] = '{"commit":{"id":' .. ("1"):rep(40) .. "}}",
    ["a huge number"] = '{"x":1' .. ("0"):rep(60000) .. ',"commit":{"id":1e400}}',
    ["an id that is null"] = '{"commit":{"id":null}}',
    ["an id with a newline"] = ('{"commit":{"id":"%s\\n"}}'):format(SHA),
    ["an id with a NUL byte"] = ('{"commit":{"id":"%s\\u0000"}}'):format(SHA),
    ["an id in capitals"] = ('{"commit":{"id":"%s"}}'):format(SHA:upper()),
    ["an id of 41 digits"] = ('{"commit":{"id":"%s0"}}'):format(SHA),
    ["a short id"] = '{"commit":{"id":"0123456"}}',
    ["a path for an id"] = '{"commit":{"id":"../../../etc/passwd/0123456789abcdef01234"}}',
    ["lists too deep"] = ("["):rep(deep) .. ("]"):rep(deep),
    ["objects too deep"] = ('{"commit":'):rep(deep) .. "1" .. ("}"):rep(deep),
    ["an endless list"] = ("["):rep(65536),
    ["megabytes of lists"] = ('{"x":[%s[]],"commit":{"id":"%s"}}'):format(("{},"):rep(1 << 20), SHA),
    ["megabytes of short texts"] = ('{"x":[%s""],"commit":{"id":"%s"}}'):format(('"\\"",'):rep(1 << 19), SHA),
    ["invalid UTF-8"] = '{"commit":{"id":"\xff\xfe"}}',
    ["half a surrogate"] = '{"commit":{"id":"\\ud800"}}',
    ["a NUL byte"] = "\0",
  } do
    it("refuses " .. name, function()
      local ok, failure = pcall(gitea.commit_of, body, "https://h/x")
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "remote"), tostring(failure))
      assert.truthy(failure.message:find("https://h/x", 1, true), failure.message)
      assert.is_true(#failure.message < 200)
    end)
  end
end)

describe("gitea.commit_of, of a long message,", function()
  -- A forge's form of release notes: all is escaped, and the payload of the signature repeats it.
  local line = [[- [\u003ca href=\"https:\/\/h\/1\"\u003e](#1), {fix} \u0026 \\ "improve"\n]]
  local text = line:gsub('"improve"', '\\"improve\\"'):rep(15000)

  it("takes the commit", function()
    local body = ('{"commit":{"id":"%s","message":"%s","verification":{"payload":"%s"}}}'):format(SHA, text, text)
    assert.is_true(#body > 1 << 20 and #body < 4 << 20, #body)
    assert.equal(SHA, gitea.commit_of(body, "h"))
  end)

  it("takes little memory for one that is made of escapes", function()
    local body = ('{"commit":{"id":"%s","message":"%s"}}'):format(SHA, ("\\n"):rep(2 << 20))
    collectgarbage()
    collectgarbage "stop"
    finally(function() collectgarbage "restart" end)
    local before = collectgarbage "count"
    assert.equal(SHA, gitea.commit_of(body, "h"))
    assert.is_true(collectgarbage "count" - before < 16 * 1024)
  end)
end)
