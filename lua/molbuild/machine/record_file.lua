--- The files of a record: where they are, and how they are read and written. A hit reads one without the rest of record.lua.
local core = require "molbuild.core"

local record_file = {
  --- The most bytes of a record, of its signature, and of a note about the image.
  MAX = 256 * 1024, SIGNATURE_MAX = 64 * 1024, NOTE_MAX = 64 * 1024,
  --- The endings of the files beside a record: its signature, what checked.lua remembers of both, a later build of the same that
  --- failed, and the record of an image that is about to get the tag; and the notes about the image: who signed its commit, and
  --- what the step verify has found.
  ENDINGS = {
    signature = ".sig", checked = ".checked", failed = ".failed", pending = ".pending", signer = ".signer", verified = ".verified",
  },
}

local SIGNATURE, CHECKED, FAILED = record_file.ENDINGS.signature, record_file.ENDINGS.checked, record_file.ENDINGS.failed

local DIGEST_SIZE = 64

--- The file of the record of an image. Other files about the image have its name, and an ending of their own.
---@param cache string  the cache's directory
---@param runtime string
---@param image string  name and tag
---@return string
function record_file.path(cache, runtime, image)
  return ("%s/%s/%s.json"):format(cache, runtime, image:match ":([^:/]+)$" or "latest")
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

--- Write a record, and its signature if it has one. The former signature goes first, and the new one comes last: whenever this
--- ends, a signature is that of the document beside it.
---@param path string  as of record_file.path
---@param document string
---@param signature string?
---@return boolean? ok
---@return string? message
function record_file.put(path, document, signature)
  local ok, message = core.fs.mkdirp(path:match "^(.*)/", 448)
  for _, ending in ipairs { SIGNATURE, CHECKED, FAILED } do
    if ok then ok, message = core.fs.remove_tree(path .. ending) end
  end
  if ok then ok, message = record_file.write(path, document, record_file.MAX) end
  if ok and signature then ok, message = record_file.write(path .. SIGNATURE, signature, record_file.SIGNATURE_MAX) end
  return ok, message
end

local function path_of(job)
  return record_file.path(job.cache, job.runtime, job.tag)
end

--- Write the record of a build that failed beside the one of a former build that succeeded, which stays as it is with its image.
---@param path string  as of record_file.path
---@param document string
---@return boolean? ok
---@return string? message
function record_file.put_failed(path, document)
  return record_file.write(path .. FAILED, document, record_file.MAX)
end

--- The file that put_failed() writes.
---@param path string  as of record_file.path
---@return string
function record_file.failed(path)
  return path .. FAILED
end

---@class molbuild.Found
---@field document string?  the record; nil when there is none that can be used
---@field signature string?
---@field message string?  why there is no such document or signature, where there is a file

--- The bytes of a job's record and of its signature. Only files that are this user's alone are read, and no link is followed.
---@param job table  with its tag
---@return molbuild.Found
function record_file.bytes(job)
  local path = path_of(job)
  local document, why = record_file.read(path, record_file.MAX)
  if not document then return { message = why } end
  local signature
  signature, why = record_file.read(path .. SIGNATURE, record_file.SIGNATURE_MAX)
  return { document = document, signature = signature, message = why }
end

--- The digest that note_checked() has kept of a job's record; nil when there is none.
---@param job table  with its tag
---@return string?
function record_file.checked(job)
  return (record_file.read(path_of(job) .. CHECKED, DIGEST_SIZE))
end

--- Keep the digest of what a check of a job's record depended on. Best effort: without it the next run checks again.
---@param job table  with its tag
---@param digest string
function record_file.note_checked(job, digest)
  record_file.write(path_of(job) .. CHECKED, digest, DIGEST_SIZE)
end

-- Notes ---------------------------------------------------------------------------------------------------------------

--- The file of a note about a job's image.
---@param job table  with its tag
---@param ending string  of ENDINGS
---@return string
function record_file.note_path(job, ending)
  return path_of(job) .. ending
end

--- A note about a job's image, as some run has kept it.
---@param job table  with its tag
---@param ending string  of ENDINGS
---@return table?  nil when there is none that can be used
function record_file.note(job, ending)
  local document = record_file.read(record_file.note_path(job, ending), record_file.NOTE_MAX)
  local found = document and require("molbuild.base.json").decode(document)
  return type(found) == "table" and found or nil
end

--- Keep a note about a job's image.
---@param job table  with its tag
---@param ending string  of ENDINGS
---@param fields table<string, any>
---@return boolean? ok
---@return string? message
function record_file.keep_note(job, ending, fields)
  local path = record_file.note_path(job, ending)
  local ok, message = core.fs.mkdirp(path:match "^(.*)/", 448)
  if not ok then return nil, message end
  local document = core.mask.text(require("molbuild.progress.encode").object(fields))
  return record_file.write(path, document .. "\n", record_file.NOTE_MAX)
end

return record_file
