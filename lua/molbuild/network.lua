--- What lies between this machine and a server: proxies, certificates, and what can be done where the way is closed.
local core = require "molbuild.core"
local env = require "molbuild.env"

local network = {}

local PROXIES = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" }

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Have the password in the URL of a proxy masked in all output, of children too. One too short for the masker is
--- masked where it stands in the URL alone.
function network.mask_proxies()
  for _, name in ipairs(PROXIES) do
    -- Not parsed: a proxy may be given without a scheme, and a password with whatever is in it.
    local userinfo = (env.get(name) or ""):gsub("^%a[%w+.-]*://", ""):match "^(.*)@"
    if userinfo then
      core.mask.secret(decoded(userinfo:match ":(.*)$" or userinfo))
    end
  end
end

--- Whether a proxy is set. Which hosts it is for, is not asked: programs read NO_PROXY in several ways.
---@return boolean
function network.has_proxy()
  for _, name in ipairs(PROXIES) do
    if env.get(name) then
      return true
    end
  end
  return false
end

local CERTIFICATES = "a private CA's certificate is named by SSL_CERT_FILE; one that is expired, or another host's, is to "
  .. "be put right on the server"
local PROXY = "check the proxy that HTTPS_PROXY names; NO_PROXY says which hosts are reached without it"
local WAY = "check the address and the network; where a proxy must be used, HTTPS_PROXY names it"
local ADDRESS = "check the address and the network" -- no proxy is asked for what is not http
local MOVED = "it has moved: change the address to where it is now"

--- What to do about a request that found no answer.
---@param code string?  as of core.http.request
---@param url string?  http when absent
---@return string?
function network.hint(code, url)
  if code == "tls" then
    return CERTIFICATES
  elseif code == "denied" then
    return PROXY
  elseif code == "resolve" or code == "connect" or code == "timeout" then
    if url and not url:find "^https?://" then
      return ADDRESS
    end
    return network.has_proxy() and PROXY or WAY
  elseif code == "redirect" then
    return MOVED
  end
end

return network
