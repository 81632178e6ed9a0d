---@meta

-- Stubs of molbuild.core.width: see ../core.lua.

---@class molbuild.core.width
local width = {}

--- The columns of a text on a terminal.
---@param text string
---@return integer
function width.columns(text) end

--- The beginning of a text that fits into COLUMNS: whole characters only.
---@param text string
---@param columns integer
---@return string
function width.cut(text, columns) end

return width
