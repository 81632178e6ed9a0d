--- `openssl s_server` at an unused port of 127.0.0.1, for one spec each.
local sh = require "spec.support.sh"

---@class TlsServers  those that one spec has started
local Servers = {}
Servers.__index = Servers

local tls_server = {}

--- None yet.
function tls_server.none()
  return setmetatable({}, Servers)
end

--- Start a server in a directory.
---@param dir string
---@param certificate string  its files are CERTIFICATE.pem, with the chain, and CERTIFICATE.key
---@param ... string  more arguments, such as -www or -HTTP
---@return string url
function Servers:start(dir, certificate, ...)
  local pem = certificate .. ".pem"
  local words = {
    "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key", certificate .. ".key", "-cert_chain", pem, ...,
  }
  local pipe = assert(io.popen(("cd %s && echo $$ && exec %s 2>/dev/null"):format(sh.quote(dir), sh.join(words))))
  self[#self + 1] = { pipe = pipe, pid = pipe:read "n" }
  for line in pipe:lines() do
    local port = line:match "^ACCEPT .*:(%d+)$"
    if port then return "https://127.0.0.1:" .. port end
  end
  error "openssl s_server did not start"
end

--- End all of them.
function Servers:stop()
  for _, server in ipairs(self) do
    sh.try { "kill", "-KILL", server.pid }
    server.pipe:close()
  end
end

return tls_server
