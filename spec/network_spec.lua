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

describe("network.hint", function()
  it("says what to do where something can be done", function()
    assert.truthy(network.hint("tls"):find "SSL_CERT_FILE")
    assert.truthy(network.hint("resolve"):find "HTTPS_PROXY")
    assert.truthy(network.hint("denied"):find "NO_PROXY")
    assert.truthy(network.hint("redirect"):find "moved")
    assert.is_nil(network.hint "reset")
    assert.is_nil(network.hint(nil))
  end)
end)
