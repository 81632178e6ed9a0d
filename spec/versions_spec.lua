-- Conditional requests to a forge.
local molbuild = require "molbuild"

local SHA, OTHER = ("a"):rep(40), ("b"):rep(40)
local URL = "https://git.example/org/repo"

describe("a forge that is asked again and again", function()
  local world, etag, head, requests

  before_each(function()
    world = molbuild.testing.world { policy = "scripts/ensure.lua", repositories = {} }
    etag, head, requests = '"1"', SHA, {}
    world:serve("https://git.example/", function(request)
      requests[#requests + 1] = request.headers["If-None-Match"] or "-"
      if etag and request.headers["If-None-Match"] == etag then return { status = 304, headers = { ETag = etag } } end
      return { status = 200, headers = { ETag = etag }, body = ('{"commit":{"id":"%s"}}'):format(head) }
    end)
  end)

  local function look(count, change)
    return world:call(function(_, library)
      library.gitea.remember()
      local seen, token
      for index = 1, count do
        token = change and change(index, library)
        seen = library.gitea.branch_head(URL, "main", { token = token })
      end
      return seen
    end)
  end

  it("need not send an answer again that has not changed", function()
    assert.equal(SHA, look(3))
    assert.same({ "-", '"1"', '"1"' }, requests)
  end)

  it("sends another one with its own tag", function()
    assert.equal(OTHER, look(3, function(index)
      if index == 2 then etag, head = 'W/"2"', OTHER end
    end))
    assert.same({ "-", '"1"', 'W/"2"' }, requests)
  end)

  it("is asked as usual when it gives no tag, or one that is none", function()
    for _, given in ipairs { false, "plain", '"a\tb"', '"' .. ("x"):rep(2000) .. '"', 'W/W/"x"' } do
      etag, requests = given or nil, {}
      assert.equal(SHA, look(2))
      assert.same({ "-", "-" }, requests, tostring(given))
    end
  end)

  it("is asked without a tag from time to time: a broken cache says 'not modified' without end", function()
    look(28)
    local plain = {}
    for index, sent in ipairs(requests) do plain[#plain + 1] = sent == "-" and index or nil end
    assert.same({ 1, 14, 27 }, plain)
  end)

  it("is not asked about what another token has seen", function()
    look(3, function(index, library)
      return library.token.new(index < 3 and "token-number-one" or "token-number-two", URL)
    end)
    assert.same({ "-", '"1"', "-" }, requests)
  end)

  it("is an error when it says 'not modified' of what was never asked", function()
    world:serve("https://odd.example/", function() return { status = 304, headers = { ETag = '"1"' } } end)
    local ok, failure = pcall(world.call, world, function(_, library)
      library.gitea.remember()
      return library.gitea.branch_head("https://odd.example/org/repo", "main", {})
    end)
    assert.is_false(ok)
    assert.truthy(tostring(failure):find("unexpected status 304", 1, true), tostring(failure))
  end)
end)
