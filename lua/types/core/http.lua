---@meta

-- Stubs of molbuild.core.http: see ../core.lua.

---@class molbuild.core.http
local http = {}

---@class molbuild.core.HttpOptions
---@field url string  http or https
---@field method string?  GET when absent
---@field headers table<string, string>?  by name
---@field body string?  what is sent
---@field unix_socket string?  connect to this socket instead of the URL's host, never through a proxy
---@field proxy string?  use this proxy, "" for none; from the variables when absent
---@field timeout number?  seconds for the whole request with its redirects; 0: it ends immediately; 30 when absent
---@field connect_timeout number?  seconds, more than 0; 10 when absent
---@field max_body integer?  bytes; a larger answer is the error "too_large"; 65536 when absent
---@field max_redirects integer?  more redirects are the error "redirect"; 5 when absent
---@field follow (boolean|"origin")?  false: return redirects as answers; "origin": return those to another origin (scheme, host,
---  port); true when absent
---@field connect_only boolean?  only connect: the answer has the status 0 and an address
---@field certificate boolean?  report when the server's certificate ends; this opens a new connection
---@field ca_file string?  trust only these certificates; those of SSL_CERT_FILE, or the system's, when absent
---@field cert_file string?  client certificate (PEM)
---@field key_file string?  its key (PEM)

---@class molbuild.core.HttpResponse
---@field status integer
---@field headers table<string, string>  names in lower case
---@field body string
---@field url string  the URL that answered
---@field address string  the IP address of the peer, which may be a proxy; "" for a socket's path
---@field redirect string?  the absolute target of a redirect
---@field ca_bundle string?  the system's bundle of certificates, once its directory did not suffice for a server
---@field certificate_ends integer?  unix time; with the option certificate, over https

--- One request and its answer, with any status. Waits.
---@param options molbuild.core.HttpOptions
---@return molbuild.core.HttpResponse?
---@return string? message
---@return string? code  timeout, resolve, connect, reset, tls, denied, too_large, redirect, protocol, invalid or cancelled
function http.request(options) end

return http
