local core = require "molbuild.core"
local network = require "molbuild.forge.network"
local origin = require "molbuild.forge.origin"

describe("origin.is_direct", function()
  for url, want in pairs {
    ["http://127.0.0.1/x"] = true, ["http://127.8.9.1:8080/x"] = true, ["http://localhost:1/"] = true, ["http://[::1]/x"] = true,
    -- libcurl connects to what these stand for, and writes it so.
    ["http://0x7f.1/"] = true, ["http://2130706433/"] = true, ["http://127.1/"] = true,
    -- Over https a proxy sees only the tunnel.
    ["https://127.0.0.1/x"] = false,
    ["http://127.0.0.1.example/"] = false, ["http://localhost.example/"] = false, ["http://localhost./"] = false,
    ["http://128.0.0.1/"] = false, ["http://[::2]/"] = false, ["http://[::ffff:10.0.0.1]/"] = false,
    ["http://0.0.0.0/"] = false, ["http://u:p@h@127.0.0.1/"] = false, ["no url"] = false,
  } do
    it(("is %s for %s"):format(want, url), function() assert.equal(want, origin.is_direct(url)) end)
  end
end)

describe("origin.same", function()
  for _, case in ipairs {
    { true, "https://h/a", "https://H:443/b?c" }, { true, "http://h", "http://h:80/" },
    { true, "http://[::1]:1/", "http://[::1]:1/x" },
    { false, "https://h/a", "http://h/a" }, { false, "https://h", "http://h:443" }, { false, "https://h", "https://h:444" },
    { false, "https://h", "https://h.evil/" }, { false, "https://h", "https://h./" }, { false, "https://h", "no url" },
    { false, "https://h", "https://h@evil/" }, { false, "https://h", "https://evil/https://h" },
  } do
    local want, a, b = table.unpack(case)
    it(("is %s for %s and %s"):format(want, a, b), function() assert.equal(want, origin.same(a, b)) end)
  end
end)

describe("origin.redirect_of", function()
  local function shown(target)
    return origin.redirect_of { redirect = target }
  end

  it("is where an answer leads to", function()
    assert.equal("https://other/x", shown "https://other/x")
    assert.is_nil(shown(nil))
  end)

  it("shows nothing that a server hides in it", function()
    assert.equal("https://***@other/x", shown "https://me:password1@other/x")
    assert.equal("https://other/a?b?c?d", shown "https://other/a\27b\x9Bc\u{202E}d")
    core.mask.secret "a-secret-that-is-cut-off"
    finally(core.mask.clear)
    -- Not the part before the place where a long text is cut.
    assert.equal("https://other/" .. ("x"):rep(183) .. "***...", shown("https://other/" .. ("x"):rep(183)
      .. "a-secret-that-is-cut-off" .. ("x"):rep(180)))
  end)
end)

describe("network.hint", function()
  it("says what to do where something can be done", function()
    assert.truthy(network.hint("tls"):find "SSL_CERT_FILE")
    assert.truthy(network.hint("tls"):find "install ca%-certificates")
    assert.truthy(network.hint("resolve"):find "HTTPS_PROXY")
    assert.truthy(network.hint("denied"):find "NO_PROXY")
    assert.truthy(network.hint("redirect"):find "moved")
    assert.is_nil(network.hint "reset")
    assert.is_nil(network.hint(nil))
    assert.equal("check the address and the network", network.hint("connect", "ssh://git@h/o/x"))
    assert.truthy(network.hint("connect", "https://h/o/x"):find "HTTPS_PROXY")
  end)
end)

describe("network.code_of", function()
  for text, code in pairs {
    ["fatal: unable to access 'https://h/o/x/': Could not resolve host: h"] = "resolve",
    ["ssh: Could not resolve hostname h: Temporary failure in name resolution"] = "resolve",
    ["fatal: unable to look up h (port 9418) (Temporary failure in name resolution)"] = "resolve",
    ["fatal: unable to access 'u': OpenSSL SSL_connect: Connection reset by peer in connection to h:443 "] = "reset",
    ["fatal: unable to access 'u': OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to h:443 "] = "reset",
    ["fatal: unable to access 'u': error:0A000126:SSL routines::unexpected eof while reading"] = "reset",
    ["fatal: unable to access 'u': gnutls_handshake() failed: Error in the pull function."] = "reset",
    ["fatal: unable to access 'u': gnutls_handshake() failed: The TLS connection was non-properly terminated."] = "reset",
    ["error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function."] = "reset",
    ["error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)"] = "reset",
    ["error: RPC failed; curl 18 transfer closed with outstanding read data remaining"] = "reset",
    ["fatal: unable to access 'u': Empty reply from server"] = "reset",
    ["kex_exchange_identification: Connection closed by remote host"] = "reset",
    ["fatal: fetch-pack: unexpected disconnect while reading sideband packet"] = "reset",
    ["fatal: unable to access 'u': error:0A00010B:SSL routines::wrong version number"] = "tls",
    ["fatal: unable to access 'u': server certificate verification failed. CAfile: none CRLfile: none"] = "tls",
    ["fatal: unable to access 'u': SSL certificate problem: self-signed certificate"] = "tls",
    ["fatal: unable to access 'u': gnutls_handshake() failed: Handshake failed"] = "tls",
    ["fatal: unable to access 'u': Failed to connect to h port 443 after 3 ms: Connection refused"] = "connect",
    ["ssh: connect to host h port 22: Connection timed out"] = "connect",
    ["fatal: unable to access 'u': Received HTTP code 502 from proxy after CONNECT"] = "connect",
    ["fatal: unable to access 'u': CONNECT tunnel failed, response 503"] = "connect",
    ["fatal: unable to access 'u': Received HTTP code 407 from proxy after CONNECT"] = "denied",
    ["fatal: unable to access 'u': CONNECT tunnel failed, response 403"] = "denied",
    ["fatal: repository 'u' not found"] = false,
    ["fatal: unable to access 'u': The requested URL returned error: 503"] = false,
  } do
    it(("is %s for %s"):format(code, text), function() assert.equal(code, network.code_of(text) or false) end)
  end
end)

describe("an address that answered", function()
  local URL = "https://forge.example/o/x"

  before_each(function()
    network.forget(URL)
    network.forget "http://forge.example:8080/"
  end)

  it("is kept for its host and port, and forgotten", function()
    assert.is_nil(network.resolved(URL))
    network.note("https://forge.example/api/v1", "192.0.2.7")
    assert.equal("forge.example:443:192.0.2.7", network.resolved(URL))
    assert.is_nil(network.resolved "http://forge.example/")
    network.note("http://forge.example:8080/", "2001:db8::1")
    assert.equal("forge.example:8080:[2001:db8::1]", network.resolved "http://forge.example:8080/x")
    network.forget(URL)
    assert.is_nil(network.resolved(URL))
  end)

  it("is not kept where a name is not resolved here", function()
    for _, url in ipairs { "http://127.0.0.1:80/", "http://[::1]/", "ssh://forge.example/x", "no url" } do
      network.note(url, "192.0.2.7")
      assert.is_nil(network.resolved(url))
    end
    network.note(URL, "")
    network.note(URL, nil)
    assert.is_nil(network.resolved(URL))
  end)
end)
