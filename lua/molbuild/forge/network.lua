--- What lies between this machine and a server: proxies, certificates, and what can be done where the way is closed.
local core = require "molbuild.core"
local env = require "molbuild.base.env"

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

--- What git prints about the network, and the codes of core.http for it; the first that fits counts. git is linked with
--- libcurl over OpenSSL or GnuTLS, or runs ssh.
local CODES = {
  { "Could not resolve", "resolve" }, { "name resolution", "resolve" }, { "Name or service not known", "resolve" },
  { "unable to look up", "resolve" }, { "from proxy after CONNECT", "denied" }, { "CONNECT tunnel failed", "denied" },
  { "ertificate", "tls" },
  -- A connection that broke within TLS is not TLS's fault.
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

--- The code of core.http for what git printed of a failure.
---@param text string
---@return string?  nil when it is not of the network
function network.code_of(text)
  for _, entry in ipairs(CODES) do
    if text:find(entry[1], 1, true) then
      -- A proxy that has too much to do, or does not reach the server, as core.http has it.
      local status = entry[2] == "denied" and tonumber(text:match "HTTP code (%d%d%d)" or text:match "response (%d%d%d)")
      return status and (status >= 500 or status == 429) and "connect" or entry[2]
    end
  end
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

local PORTS = { http = 80, https = 443 }

--- Addresses that answered, by "host:port": of a name with a dead one beside, git would wait minutes for that.
local answered = {}

--- The host and port of a URL whose host is a name that is resolved here: not by a proxy.
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

--- Forget the address of a URL's host: it answers no more.
---@param url string
function network.forget(url)
  local host = named_host(url)
  if host then
    answered[host] = nil
  end
end

--- Find an address of a URL's host that answers, where none is known: connects to it, and no more. Waits.
---@param url string
---@param seconds number
function network.find_address(url, seconds)
  local host = named_host(url)
  if host and not answered[host] then
    -- By http: what is spoken then does not matter.
    local answer = core.http.request { url = "http://" .. host .. "/", connect_only = true, proxy = "", timeout = seconds }
    network.note(url, answer and answer.address)
  end
end

--- The address that a URL's host answered from, as curl's option --resolve has it: "host:port:address".
---@param url string
---@return string?
function network.resolved(url)
  local host = named_host(url)
  return host and answered[host] and ("%s:%s"):format(host, answered[host]) or nil
end

return network
