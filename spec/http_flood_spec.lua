-- A server that sends useless frames without end: the request still ends within its time.
local core = require "molbuild.core"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

--- Frames of HTTP/2: the settings that a server begins with, and then frames of an unknown type.
local FLOOD = [[
  local settings, unknown = string.pack(">I3BBI4", 0, 4, 0, 0), string.pack(">I3BBI4", 3, 99, 0, 0) .. "abc"
  io.write(settings)
  while io.write(unknown:rep(1000)) do end
]]

describe("a server that sends frames of HTTP/2 without end", function()
  local dir, pipe, pid, url

  setup(function()
    dir = sh.temporary "flood"
    sh.run { "spec/support/certificates.sh", dir }
    sh.write(dir .. "/flood.lua", FLOOD)
    -- What its input has goes to the client.
    pipe = assert(io.popen(([[cd %s && mkfifo in && { %s flood.lua >in 2>/dev/null & } && echo $$ && exec openssl s_server \
      -accept 127.0.0.1:0 -cert server.pem -key server.key -cert_chain server.pem -alpn h2 <in 2>/dev/null]])
      :format(sh.quote(dir), os.getenv "LUA" or "lua5.4")))
    pid = pipe:read "n"
    for line in pipe:lines() do
      local port = line:match "^ACCEPT .*:(%d+)$"
      if port then
        url = "https://127.0.0.1:" .. port .. "/"
        break
      end
    end
  end)

  teardown(function()
    sh.try { "kill", "-KILL", pid }
    pipe:close()
    sh.remove(dir)
  end)

  it("does not keep a request past its time", function()
    local ok, failure = pcall(task.run, function()
      return task.timeout(60, function()
        return { core.http.request { url = url, ca_file = dir .. "/ca.pem", timeout = 1 } }
      end)
    end)
    assert.is_true(ok, tostring(failure))
    assert.is_nil(failure[1])
    assert.is_true(failure[3] == "timeout" or failure[3] == "protocol", failure[3])
  end)
end)
