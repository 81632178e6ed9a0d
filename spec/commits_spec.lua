-- How many commits a branch has moved, by one request of Gitea's API.
local core = require "molbuild.core"
local encode = require "molbuild.progress.encode"
local gitea = require "molbuild.forge.gitea"

local URL = "https://forge.example/org/t-hermes"

local function id(number) return ("%040x"):format(number) end

-- The ids from one commit to another, as Gitea lists them.
local function listed(from, to)
  local list = {}
  for number = from, to, -1 do
    list[#list + 1] = ('{"sha":"%s","commit":{"message":"a \\"quoted\\" one"}}'):format(id(number))
  end
  return "[" .. table.concat(list, ",") .. "]"
end

describe("the commits since a former one", function()
  local request, asked, answer

  before_each(function()
    request, asked = core.http.request, {}
    core.http.request = function(options) -- luacheck: ignore 122
      asked[#asked + 1] = options
      return table.unpack(answer, 1, 3)
    end
  end)
  after_each(function() core.http.request = request end) -- luacheck: ignore 122

  local function count(former, body, status)
    answer = { { status = status or 200, body = body, headers = {}, url = URL } }
    return table.pack(gitea.commits_since(URL, id(100), id(former), {}))
  end

  it("are counted in one bounded request", function()
    assert.same({ 1, n = 1 }, count(99, listed(100, 51)))
    assert.same({ 49, n = 1 }, count(51, listed(100, 51)))
    assert.equal(2, #asked)
    assert.equal("https://forge.example/api/v1/repos/org/t-hermes/commits?sha=" .. id(100)
      .. "&limit=50&stat=false&verification=false&files=false", asked[1].url)
    assert.equal(5, asked[1].timeout)
  end)

  it("are many, where the first page has no end", function()
    assert.same({ 50, true, n = 2 }, count(7, listed(100, 51)))
  end)

  for what, body in pairs {
    ["the history no longer has it"] = listed(100, 90), ["the list begins elsewhere"] = listed(99, 40), ["there are none"] = "[]",
    ["it is an object"] = '{"message":"no"}', ["it is no JSON"] = "<html>", ["ids are missing"] = "[1,{},null]",
    ["it is too large"] = "[" .. ("{},"):rep(100000) .. "{}]", ["it is encoded twice"] = encode.value(listed(100, 51)),
  } do
    it("are not known where " .. what, function() assert.equal(0, count(7, body).n) end)
  end

  it("are not known after a failure", function()
    assert.equal(0, count(99, listed(100, 51), 404).n)
    answer = { nil, "no", "connect" }
    assert.is_nil((gitea.commits_since(URL, id(100), id(99), {})))
  end)
end)
