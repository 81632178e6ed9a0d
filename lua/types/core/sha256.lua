---@meta

-- Stubs of molbuild.core.sha256: see ../core.lua.

---@class molbuild.core.sha256
local sha256 = {}

--- The SHA-256 of a text.
---@param data string
---@return string? hex  64 lowercase hex digits
---@return string? message
---@return string? code
function sha256.hex(data) end

--- The SHA-256 of a file.
---@param path string
---@return string? hex
---@return string? message
---@return string? code
function sha256.file(path) end

return sha256
