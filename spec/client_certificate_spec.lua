-- Where a client certificate goes: to the origin that was asked, by core.http.
local core = require "molbuild.core"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

describe("a client certificate", function()
  local dir, servers

  --- `openssl s_server`, which asks clients for a certificate; gives its URL. With -www it shows what it got.
  local function serve(...)
    local words = {
      "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.pem", "-key", "server.key", "-cert_chain", "server.pem",
      "-CAfile", "ca.pem", "-verify", "3", ...,
    }
    local pipe = assert(io.popen(("cd %s && echo $$ && exec %s 2>/dev/null"):format(sh.quote(dir), sh.join(words))))
    servers[#servers + 1] = { pipe = pipe, pid = pipe:read "n" }
    for line in pipe:lines() do
      local port = line:match "^ACCEPT .*:(%d+)$"
      if port then return "https://127.0.0.1:" .. port end
    end
    error "openssl s_server did not start"
  end

  local function ask(url)
    return task.run(function()
      return assert(core.http.request {
        url = url, ca_file = dir .. "/ca.pem", cert_file = dir .. "/client.pem", key_file = dir .. "/client.key",
      })
    end)
  end

  setup(function()
    dir, servers = sh.temporary "certificate", {}
    sh.run { "spec/support/certificates.sh", dir }
  end)

  teardown(function()
    for _, server in ipairs(servers) do
      sh.try { "kill", "-KILL", server.pid }
      server.pipe:close()
    end
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
