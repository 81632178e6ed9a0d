--- core.http in a test's world: requests are answered by the servers that the world has, and noted. A server is a function of a
--- request that gives { status, headers, body }, or nil, message, code as core.http.request does.
local network = {}

---@class molbuild.testing.Request
---@field to string  "forge", "engine", or the origin of a server that the test has put up
---@field method string
---@field url string
---@field path string  of the URL, with its query
---@field headers table<string, string>
---@field body string?
---@field status integer?  of the answer; nil: there was none
---@field timeout number

---@class molbuild.testing.Network
local Network = {}
Network.__index = Network

---@param clock molbuild.testing.Clock
---@param url table  core.url
---@return molbuild.testing.Network
function network.new(clock, url)
  return setmetatable({ clock = clock, url = url, servers = {}, requests = {} }, Network)
end

--- Have a server answer. The first one that was added and takes a request is asked.
---@param name string  what `to` says of its requests
---@param takes fun(request: molbuild.testing.Request): boolean
---@param answer fun(request: molbuild.testing.Request): table?, string?, string?
function Network:add(name, takes, answer)
  table.insert(self.servers, { name = name, takes = takes, answer = answer })
end

function Network:server_of(request)
  for _, server in ipairs(self.servers) do
    if server.takes(request) then
      return server
    end
  end
end

--- libcurl's messages for a failed request, by its code.
local WORDS = {
  resolve = "Could not resolve host: %s", connect = "Failed to connect to %s: Couldn't connect to server",
  reset = "Recv failure: Connection reset by peer", tls = "SSL certificate problem: unable to get local issuer certificate",
}

--- nil, message, code for a request that finds no answer. A timeout takes as long as the request may.
---@param request molbuild.testing.Request
---@param code string  of core.http.request
function Network:failure(request, code)
  local host = request.host or ""
  if code == "timeout" then
    if not self.clock:wait(request.timeout) then
      return nil, "the request was cancelled", "cancelled"
    end
    return nil, ("%s: Operation timed out after %d milliseconds with 0 bytes received"):format(
      request.url, math.floor(request.timeout * 1000)), code
  end
  return nil, ("%s: %s"):format(request.url, WORDS[code]:format(host)), code
end

-- Without the userinfo, which belongs into no message; the path with its query.
local function split(self, options, url)
  local parts, message, code = self.url.parse(url)
  if not parts or parts.scheme ~= "http" and parts.scheme ~= "https" then
    return nil, message or "only http and https URLs can be requested", code or "invalid"
  end
  local request = {
    method = options.method or "GET", url = url, host = parts.host, headers = options.headers or {}, body = options.body,
    path = parts.path .. (parts.query and "?" .. parts.query or ""), unix_socket = options.unix_socket,
    origin = ("%s://%s%s"):format(parts.scheme, parts.host, parts.port and ":" .. parts.port or ""),
    timeout = options.timeout or 30, connect_only = options.connect_only, time = self.clock.now,
  }
  self.requests[#self.requests + 1] = request
  return request
end

local function lower_names(headers)
  local all = {}
  for name, value in pairs(headers or {}) do
    all[name:lower()] = value
  end
  return all
end

-- One request and its answer, redirects left alone.
function Network:ask(options, url)
  local request, message, code = split(self, options, url)
  if not request then
    return nil, message, code
  end
  local server = self:server_of(request)
  request.to = server and server.name or request.origin
  if not self.clock:wait(0) then
    return nil, "the request was cancelled", "cancelled"
  elseif request.timeout == 0 then
    return self:failure(request, "timeout")
  elseif not server then
    return self:failure(request, options.unix_socket and "connect" or "resolve")
  elseif options.connect_only then
    return { status = 0, headers = {}, body = "", url = url, address = "192.0.2.1" }
  end
  local answer
  answer, message, code = server.answer(request)
  if not answer then
    return nil, message, code
  end
  request.status = answer.status
  local headers = lower_names(answer.headers)
  return {
    status = answer.status, headers = headers, body = answer.body or "", url = url,
    address = options.unix_socket and "" or "192.0.2.1",
    redirect = answer.status >= 300 and answer.status < 400 and headers.location or nil,
  }
end

local function may_follow(options, from, to, left)
  if options.follow == false or left <= 0 then
    return false
  end
  return options.follow ~= "origin" or from:match "^%a+://[^/]+" == to:match "^%a+://[^/]+"
end

--- core.http.request
---@param options molbuild.core.HttpOptions
---@return molbuild.core.HttpResponse?
---@return string? message
---@return string? code
function Network:request(options)
  local url, left = options.url, options.max_redirects or 5
  while true do
    local response, message, code = self:ask(options, url)
    if not response then
      return nil, message, code
    elseif #response.body > (options.max_body or 65536) then
      return nil, ("%s: the answer is larger than %d bytes"):format(url, options.max_body or 65536), "too_large"
    elseif not response.redirect then
      return response
    end
    if response.redirect:sub(1, 1) == "/" then
      response.redirect = url:match "^%a+://[^/]+" .. response.redirect
    end
    if not may_follow(options, url, response.redirect, left) then
      return response
    end
    url, left = response.redirect, left - 1
  end
end

return network
