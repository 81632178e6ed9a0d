-- Headers that git sends: the token's alone is an Authorization, and the user's other ones stay.
local token = require "molbuild.forge.token"
local git_auth = require "molbuild.repository.auth"
local git_headers = require "molbuild.repository.headers"

describe("the headers of a user's configuration", function()
  local URL = "https://forge.example/org/t-hermes"

  local function of(...)
    local text = {}
    for _, entry in ipairs { ... } do
      text[#text + 1] = ("http.%sextraheader\n%s\0"):format(entry[1] and entry[1] .. "." or "", entry[2])
    end
    return git_headers.of(table.concat(text), URL)
  end

  it("are those without a URL, and those for this one", function()
    for _, pattern in ipairs {
      "https://forge.example", "https://forge.example/", "https://forge.example:443/org", "https://Forge.Example/org/",
      "https://*.example", URL,
    } do
      assert.same({ "X-A: 1", "X-B: 2" }, of({ nil, "X-A: 1" }, { pattern, "X-B: 2" }), pattern)
    end
  end)

  it("are none that are for another one", function()
    for _, pattern in ipairs {
      "http://forge.example", "https://forge.example:8443", "https://forge.example/or", "https://forge.example/org/t-hermes/x",
      "https://other.example", "https://*", "https://me@forge.example", "https://forgeXexample", "forge.example", "",
    } do
      assert.same({}, of { pattern, "X-B: 2" }, pattern)
    end
  end)

  it("are no Authorization, and none that was taken back", function()
    assert.same({}, of({ nil, "Authorization: Basic eA==" }, { URL, "authorization : Bearer x" }))
    assert.same({ "X-C: 3" }, of({ nil, "X-A: 1" }, { URL, "" }, { nil, "X-C: 3" }))
    assert.same({}, git_headers.of("", URL))
  end)

  it("come back behind the token's header, with which the list begins again", function()
    local env = {}
    git_auth.add(env, "https://h/o/x", { token = token.new("s3cret-word", "https://h/o/x") }, { "X-A: 1" })
    local list = {}
    for index = 0, tonumber(env.GIT_CONFIG_COUNT) - 1 do
      local name = env["GIT_CONFIG_KEY_" .. index]:match "^http%.https://h/o/x%.(.*)$"
      list[#list + 1] = name .. "=" .. env["GIT_CONFIG_VALUE_" .. index]
    end
    assert.same({
      "extraHeader=", "extraHeader=Authorization: Basic b2F1dGgyOnMzY3JldC13b3Jk", "followRedirects=false", "sslVerify=true",
      "extraHeader=X-A: 1",
    }, list)
  end)
end)
