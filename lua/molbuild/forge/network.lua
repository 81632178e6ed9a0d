--- The network between this machine and a server: proxies, certificates, and hints for failed connections.
local core = require "molbuild.core"
local env = require "molbuild.base.env"

local network = {}

local PROXIES = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY" }
local VARIABLES = { "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY" }

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- Register the passwords in the URLs of proxies with the masker, for all output including that of children. A password
--- that is too short for the masker is masked only within its URL.
function network.mask_proxies()
  for _, name in ipairs(PROXIES) do
    -- Not parsed: a proxy may be given without a scheme, and its password may hold any character.
    local userinfo = (env.get(name) or ""):gsub("^%a[%w+.-]*://", ""):match "^(.*)@"
    if userinfo then
      core.mask.secret(decoded(userinfo:match ":(.*)$" or userinfo))
    end
  end
end

--- Whether a proxy is set. NO_PROXY is not considered: programs interpret it in different ways.
---@return boolean
function network.has_proxy()
  for _, name in ipairs(PROXIES) do
    if env.get(name) then
      return true
    end
  end
  return false
end

--- The variables about proxies that are set, with their values: credentials are masked.
---@return { [1]: string, [2]: string }[]
function network.proxies()
  local list = {}
  for _, name in ipairs(VARIABLES) do
    local value = env.get(name)
    if value then
      -- As in mask_proxies: a proxy may have no scheme, and its password may hold any character.
      local scheme = value:match "^%a[%w+.-]*://" or ""
      list[#list + 1] = { name, scheme .. value:sub(#scheme + 1):gsub("^.*@", "***@") }
    end
  end
  return list
end

--- What git prints about the network, and the matching codes of core.http; the first match is used. git is linked with
--- libcurl over OpenSSL or GnuTLS, or runs ssh.
local CODES = {
  { "Could not resolve", "resolve" }, { "name resolution", "resolve" }, { "Name or service not known", "resolve" },
  { "unable to look up", "resolve" }, { "from proxy after CONNECT", "denied" }, { "CONNECT tunnel failed", "denied" },
  { "ertificate", "tls" },
  -- A connection that broke within TLS is not a TLS error.
  { " SSL_connect: ", "reset" }, { "unexpected eof", "reset" }, { "Error in the pull function", "reset" },
  { "non-properly terminated", "reset" }, { "onnection reset", "reset" }, { "Broken pipe", "reset" },
  { "SSL", "tls" }, { "TLS", "tls" }, { "gnutls", "tls" },
  { "Empty reply from server", "reset" }, { "Recv failure", "reset" }, { "Send failure", "reset" },
  { "transfer closed with", "reset" }, { "HTTP/2 stream", "reset" }, { "HTTP2 framing layer", "reset" },
  { "unexpected disconnect while reading", "reset" }, { "onnection closed by", "reset" },
  { "onnect to", "connect" }, { "onnection refused", "connect" }, { "onnection timed out", "connect" },
  { "No route to host", "connect" }, { "Network is unreachable", "connect" },
  { "unable to update url base from redirection", "redirect" },
}

--- The code of core.http for git's error output.
---@param text string
---@return string?  nil when it is no network error
function network.code_of(text)
  for _, entry in ipairs(CODES) do
    if text:find(entry[1], 1, true) then
      -- A proxy that is overloaded, or does not reach the server, has the same code as in core.http.
      local status = entry[2] == "denied" and tonumber(text:match "HTTP code (%d%d%d)" or text:match "response (%d%d%d)")
      return status and (status >= 500 or status == 429) and "connect" or entry[2]
    end
  end
end

local CERTIFICATES = "install ca-certificates if this machine has no store; for a private CA, set SSL_CERT_FILE to its "
  .. "certificate; an expired certificate, or one for another host, must be fixed on the server"
local PROXY = "check the proxy in HTTPS_PROXY; NO_PROXY lists the hosts that are reached without it"
local WAY = "check the address and the network; if a proxy must be used, set HTTPS_PROXY"
local ADDRESS = "check the address and the network" -- a proxy is used for http and https only
local MOVED = "it has moved: change the address to its new place"

--- The hint for a request that got no answer.
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

local PORTS = { http = 80, https = 443 }

--- Addresses that answered, by "host:port". If one of a name's addresses is dead, git would wait for it for minutes.
local answered = {}

--- The host and port of a URL whose host is a name that this machine resolves, not a proxy.
local function named_host(url)
  local parts = core.url.parse(url)
  local port = parts and (parts.port or PORTS[parts.scheme])
  if not port or not parts.host:find "%a" or parts.host:find("[", 1, true) or network.has_proxy() then
    return nil
  end
  return ("%s:%d"):format(parts.host, port)
end

--- Keep the address that a URL's host answered from.
---@param url string
---@param address string?  as of core.http.request
function network.note(url, address)
  local host = address and address ~= "" and named_host(url)
  if host then
    answered[host] = address:find(":", 1, true) and "[" .. address .. "]" or address
  end
end

--- Forget the address of a URL's host: it no longer answers.
---@param url string
function network.forget(url)
  local host = named_host(url)
  if host then
    answered[host] = nil
  end
end

--- Find an address of a URL's host that answers, if none is known, by connecting to it. Waits.
---@param url string
---@param seconds number
function network.find_address(url, seconds)
  local host = named_host(url)
  if host and not answered[host] then
    -- The protocol does not matter: the request only connects.
    local answer = core.http.request { url = "http://" .. host .. "/", connect_only = true, proxy = "", timeout = seconds }
    network.note(url, answer and answer.address)
  end
end

--- The address that a URL's host answered from, for curl's option --resolve: "host:port:address".
---@param url string
---@return string?
function network.resolved(url)
  local host = named_host(url)
  return host and answered[host] and ("%s:%s"):format(host, answered[host]) or nil
end

return network
