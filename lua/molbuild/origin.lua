--- Where a request goes: what a token is bound to.
local core = require "molbuild.core"
local errors = require "molbuild.errors"
local names = require "molbuild.names"

local origin = {}

--- Scheme, host and port of a URL.
---@param url string
---@return string  "https://host:8443"
function origin.of(url)
  local parts = errors.must(core.url.parse(url))
  return ("%s://%s%s"):format(parts.scheme, parts.host or "", parts.port and ":" .. parts.port or "")
end

local function is_loopback_address(host)
  local octets = { host:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$" }
  for _, octet in ipairs(octets) do
    if tonumber(octet) > 255 then
      return false
    end
  end
  return octets[1] == "127"
end

--- Whether a URL leads to this machine. The names that are loopback by definition only: what a resolver says is not
--- known here.
---@param url string
---@return boolean
function origin.is_loopback(url)
  local parts = core.url.parse(url)
  local host = parts and parts.host and parts.host:lower() or ""
  return host == "localhost" or host == "[::1]" or is_loopback_address(host)
end

--- Whether a token for this URL may not go through a proxy, which would see it: one for this machine in clear text.
---@param url string
---@return boolean
function origin.is_direct(url)
  return url:lower():find "^http://" ~= nil and origin.is_loopback(url)
end

--- Where an answer redirects to, fit to be shown; nil for an answer that does not.
---@param response { status: integer, headers: table<string, string> }
---@param url string  what was asked for
---@return string?
function origin.redirect_of(response, url)
  local location = response.headers.location
  if response.status < 300 or response.status > 399 or not location then
    return nil
  end
  if location:sub(1, 1) == "/" and location:sub(2, 2) ~= "/" then
    location = origin.of(url) .. location
  end
  -- Masked first: of a secret that is cut, the rest would be shown.
  return names.shown(core.mask.url(location))
end

return origin
