--- The files of a record: where they are, and how they are read and written. A hit reads one without the rest of record.lua.
local core = require "molbuild.core"

local record_file = {}

--- The file of the record of an image. Other files about the image have its name, and an ending of their own.
---@param cache string  the cache's directory
---@param runtime string
---@param image string  name and tag
---@return string
function record_file.path(cache, runtime, image)
  return ("%s/%s/%s.json"):format(cache, runtime, image:match ":([^:/]+)$")
end

--- A file that is this user's alone, and no link.
---@param path string
---@param max integer  bytes
---@return string?
---@return string? message  nil when there is no such file
function record_file.read(path, max)
  local content, message, code = core.fs.read_own(path, max)
  if content then return content end
  return nil, code ~= "ENOENT" and code ~= "ENOTDIR" and message or nil
end

--- Write a file that is this user's alone, in a directory that exists.
---@param path string
---@param content string
---@param max integer  bytes
---@return boolean? ok
---@return string? message
function record_file.write(path, content, max)
  if #content > max then return nil, ("it has %d bytes, at most %d are allowed"):format(#content, max) end
  local ok, message = core.fs.write_atomic(path, content, 384)
  if ok then core.fs.give(path, path:match "^(.*)/") end
  return ok, message
end

return record_file
