--- Origins of URLs: a token is bound to one.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local origin = {}

--- Scheme, host and port of a URL.
---@param url string
---@return string  "https://host:8443"
function origin.of(url)
  local parts = errors.must(core.url.parse(url))
  return ("%s://%s%s"):format(parts.scheme, parts.host or "", parts.port and ":" .. parts.port or "")
end

local PORTS = { http = 80, https = 443 }

--- Whether two http or https URLs have the same scheme, host (in any case) and port.
---@param a string
---@param b string
---@return boolean  false when one of them is no URL
function origin.same(a, b)
  local one, two = core.url.parse(a), core.url.parse(b)
  return one ~= nil and two ~= nil and one.scheme == two.scheme and (one.host or ""):lower() == (two.host or ""):lower()
    and (one.port or PORTS[one.scheme]) == (two.port or PORTS[two.scheme])
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

--- Whether a URL leads to this machine. Only names that are loopback by definition count: no resolver is asked.
---@param url string
---@return boolean
function origin.is_loopback(url)
  local parts = core.url.parse(url)
  local host = parts and parts.host and parts.host:lower() or ""
  return host == "localhost" or host == "[::1]" or is_loopback_address(host)
end

--- Whether a token for this URL must not go through a proxy, which would see it: a URL of this machine, in clear text.
---@param url string
---@return boolean
function origin.is_direct(url)
  return url:lower():find "^http://" ~= nil and origin.is_loopback(url)
end

--- The target of a redirect, fit for a message; nil for an answer that is no redirect.
---@param response { redirect: string? }
---@return string?
function origin.redirect_of(response)
  -- Masked before it is cut: the rest of a cut secret would be shown.
  return response.redirect and text.shown(core.mask.url(response.redirect)) or nil
end

return origin
