--- A forge token: read, registered with the masker, kept from every child, and only sent where that is safe.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local task = require "molbuild.task"

local token = {}

local function is_loopback(host)
  return host == "localhost" or host == "[::1]" or host:find "^127%.%d+%.%d+%.%d+$" ~= nil
end

--- The token in an environment variable: checked, masked from now on in all output, and taken from the environment
--- of every child. A newline at its end is forgiven.
---@param name string
---@return string?
---@raise usage
function token.from_env(name)
  local scope = task.scope()
  scope.unset = table.move(scope.unset or {}, 1, #(scope.unset or {}), 2, { name })
  local value = (core.sys.getenv(name) or ""):gsub("\r?\n$", "")
  if value == "" then
    return nil
  end
  local ok, message = core.mask.secret(value)
  if not ok then
    errors.raise { kind = "usage", message = ("%s cannot be used: %s"):format(name, message) }
  end
  core.sys.protect_memory()
  return value
end

--- Refuse to send a token in clear text over a network: over plain http it goes to loopback alone.
---@param url string
---@raise auth
function token.check_url(url)
  local parts = core.url.parse(url)
  if parts and parts.scheme == "http" and not is_loopback(parts.host)
    and core.sys.getenv "MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN" ~= "1" then
    errors.raise {
      kind = "auth",
      message = ("the token is not sent to %s in clear text"):format(core.mask.url(url)),
      hint = "use https, or set MOLBUILD_ALLOW_PLAIN_HTTP_TOKEN=1 if you trust that network",
    }
  end
end

return token
