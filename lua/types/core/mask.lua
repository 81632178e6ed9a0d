---@meta

-- Stubs of molbuild.core.mask: see ../core.lua.

---@class molbuild.core.mask
local mask = {}

--- Register a secret: from now on it is masked in all output, in every form that it can take.
---@param secret string  8 to 4096 bytes of printable text
---@return true? ok
---@return string? message
---@return string? code
function mask.secret(secret) end

--- Mask base64 of "<name>:<secret>", too. oauth2, x-access-token, git, token and "" are known.
---@param name string
---@return true? ok
---@return string? message
---@return string? code
function mask.user(name) end

--- A text with every secret, and the userinfo of every URL, masked.
---@param text string
---@return string
function mask.text(text) end

--- A URL with its userinfo masked, even if it is not a URL.
---@param url string
---@return string
function mask.url(url) end

--- Register the secret in the userinfo of a URL: the password, or without one the user. No effect without userinfo.
---@param url string
---@return true? ok
---@return string? message  for an invalid URL
---@return string? code
function mask.userinfo(url) end

--- Forget all secrets. For tests.
---@return nil
function mask.clear() end

return mask
