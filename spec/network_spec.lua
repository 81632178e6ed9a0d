local core = require "molbuild.core"
local network = require "molbuild.network"
local origin = require "molbuild.origin"

describe("origin.is_direct", function()
  for url, want in pairs {
    ["http://127.0.0.1/x"] = true, ["http://127.8.9.1:8080/x"] = true, ["http://localhost:1/"] = true, ["http://[::1]/x"] = true,
    -- libcurl connects to what these stand for, and writes it so.
    ["http://0x7f.1/"] = true, ["http://2130706433/"] = true, ["http://127.1/"] = true,
    -- Over https a proxy sees nothing but the tunnel.
    ["https://127.0.0.1/x"] = false,
    ["http://127.0.0.1.example/"] = false, ["http://localhost.example/"] = false, ["http://localhost./"] = false,
    ["http://128.0.0.1/"] = false, ["http://[::2]/"] = false, ["http://[::ffff:10.0.0.1]/"] = false,
    ["http://0.0.0.0/"] = false, ["http://u:p@h@127.0.0.1/"] = false, ["no url"] = false,
  } do
    it(("is %s for %s"):format(want, url), function() assert.equal(want, origin.is_direct(url)) end)
  end
end)

describe("origin.redirect_of", function()
  local function shown(location, status)
    return origin.redirect_of({ status = status or 302, headers = { location = location } }, "https://h:1/o/x?y")
  end

  it("is where an answer leads to", function()
    assert.equal("https://other/x", shown "https://other/x")
    assert.equal("https://h:1/elsewhere", shown "/elsewhere")
    assert.equal("//other/x", shown "//other/x")
    assert.is_nil(shown("https://other/x", 200))
    assert.is_nil(shown(nil))
  end)

  it("shows nothing that a server hides in it", function()
    assert.equal("https://***@other/x", shown "https://me:password1@other/x")
    assert.equal("https://other/a?b?c?d", shown "https://other/a\27b\x9Bc\u{202E}d")
    core.mask.secret "a-secret-that-is-cut-off"
    finally(core.mask.clear)
    -- Not the part of it that stands before the place where what is long is cut.
    assert.equal("https://other/" .. ("x"):rep(183) .. "***...", shown("https://other/" .. ("x"):rep(183)
      .. "a-secret-that-is-cut-off" .. ("x"):rep(180)))
  end)
end)

describe("network.hint", function()
  it("says what to do where something can be done", function()
    assert.truthy(network.hint("tls"):find "SSL_CERT_FILE")
    assert.truthy(network.hint("resolve"):find "HTTPS_PROXY")
    assert.truthy(network.hint("denied"):find "NO_PROXY")
    assert.truthy(network.hint("redirect"):find "moved")
    assert.is_nil(network.hint "reset")
    assert.is_nil(network.hint(nil))
    assert.equal("check the address and the network", network.hint("connect", "ssh://git@h/o/x"))
    assert.truthy(network.hint("connect", "https://h/o/x"):find "HTTPS_PROXY")
  end)
end)
