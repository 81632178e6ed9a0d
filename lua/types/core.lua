---@meta molbuild.core

-- Stubs of the C module molbuild.core, for language servers: never loaded. Each topic has a file in core/;
-- docs/primitives.md describes each.
--
-- Failures of the system are returned as nil, message, code; only a caller's mistake raises. A function marked "waits" must be
-- called inside a task (molbuild.task); cancelling the task ends it with the code "cancelled",
-- and later ones raise an error of the kind "cancelled".
--
-- Options are a table's own fields. Absent means the default, 0 means zero, math.huge means no bound. An unknown option is an
-- error.

---@class molbuild.Core
---@field fs molbuild.core.fs
---@field http molbuild.core.http
---@field lock molbuild.core.lock
---@field loop molbuild.core.loop
---@field mask molbuild.core.mask
---@field process molbuild.core.process
---@field sha256 molbuild.core.sha256
---@field sys molbuild.core.sys
---@field url molbuild.core.url
---@field width molbuild.core.width
---@field writer molbuild.core.writer
local core = {}

return core
