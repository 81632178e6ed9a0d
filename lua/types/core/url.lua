---@meta

-- Stubs of molbuild.core.url: see ../core.lua.

---@class molbuild.core.url
local url = {}

---@class molbuild.core.Url
---@field scheme string
---@field user string?
---@field password string?
---@field host string?
---@field port integer?
---@field path string
---@field query string?
---@field fragment string?

--- The parts of a URL. Nothing is decoded.
---@param url string
---@return molbuild.core.Url?
---@return string? message
---@return string? code
function url.parse(url) end

--- The URL of the parts; the caller must encode them.
---@param parts molbuild.core.Url
---@return string? url
---@return string? message
---@return string? code
function url.build(parts) end

return url
