---@meta

-- Stubs of molbuild.core.http: see ../core.lua.

---@class molbuild.core.http
local http = {}

---@class molbuild.core.HttpOptions
---@field url string  http or https
---@field method string?  GET when absent
---@field headers table<string, string>?
---@field body string?
---@field unix_socket string?  connect to this socket instead of to the URL's host, never by a proxy
---@field proxy string?  this proxy, "" for none; the one that HTTPS_PROXY and its kin name when absent
---@field timeout number?  seconds for all of it, redirects included; 0: it ends at once; 30 when absent
---@field connect_timeout number?  seconds, more than 0; 10 when absent
---@field max_body integer?  bytes; a larger answer is the error "too_large"; 65536 when absent
---@field max_redirects integer?  5 when absent
---@field follow (boolean|"origin")?  false: a redirect is an answer like any other; "origin": one to another origin is
---@field connect_only boolean?  only connect: the answer has the status 0 and an address
---@field ca_file string?  trust these certificates instead; SSL_CERT_FILE or the system's when absent
---@field cert_file string?  client certificate (PEM)
---@field key_file string?  its key (PEM)

---@class molbuild.core.HttpResponse
---@field status integer
---@field headers table<string, string>  names in lower case
---@field body string
---@field url string  the one that answered
---@field address string  the IP address that answered, a proxy's where one was used; "" for a socket's path
---@field redirect string?  where an answer that is a redirect leads, absolute

--- One request and its answer, whatever its status. Waits.
---@param options molbuild.core.HttpOptions
---@return molbuild.core.HttpResponse?
---@return string? message
---@return string? code  timeout, resolve, connect, reset, tls, denied, too_large, redirect, protocol, invalid or cancelled
function http.request(options) end

return http
