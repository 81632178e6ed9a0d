-- Where a client certificate goes: to the origin that was asked, by core.http.
local core = require "molbuild.core"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"
local tls_server = require "spec.support.tls_server"

describe("a client certificate", function()
  local dir, servers

  --- `openssl s_server`, which asks clients for a certificate; gives its URL. With -www it shows what it got.
  local function serve(...)
    return servers:start(dir, "server", "-CAfile", "ca.pem", "-verify", "3", ...)
  end

  local function ask(url)
    return task.run(function()
      return assert(core.http.request {
        url = url, ca_file = dir .. "/ca.pem", cert_file = dir .. "/client.pem", key_file = dir .. "/client.key",
      })
    end)
  end

  setup(function()
    dir, servers = sh.temporary "certificate", tls_server.none()
    sh.run { "spec/support/certificates.sh", dir }
  end)

  teardown(function()
    servers:stop()
    sh.remove(dir)
  end)

  it("goes to the server that is asked, and after a redirect to no other one", function()
    local other = serve "-www"
    assert.truthy(ask(other).body:find("Client certificate", 1, true))
    sh.write(dir .. "/away", ("HTTP/1.1 302 Found\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n"):format(other))
    local answer = ask(serve "-HTTP" .. "/away")
    assert.equal(other .. "/", answer.url)
    assert.truthy(answer.body:find("no client certificate available", 1, true), answer.body)
  end)
end)
