--- The signed record of an image that is about to get its tag. A record's files and a tag cannot change at the same time, and a run
--- can be killed at any point: until the tag is given the former record stays as it is, with the former image, and the new one is
--- in a file of its own.
local base64 = require "molbuild.base.base64"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local record_file = require "molbuild.machine.record_file"

local pending = {}

local ENDING = record_file.ENDINGS.pending

local FORM, PATTERN = "%s %s %s\n", "^(sha256:%x+) (%S+) (%S+)\n$"
local MAX = (record_file.MAX + record_file.SIGNATURE_MAX) * 4 // 3 + 256

-- The image that the file is about, and the record.
local function read(job)
  local text = record_file.read(record_file.note_path(job, ENDING), MAX)
  local image_id, document, signature = (text or ""):match(PATTERN)
  document, signature = document and base64.decode(document), signature and base64.decode(signature)
  if not (document and signature) then return nil end
  return image_id, { document = document, signature = signature, is_pending = true }
end

local function must(path, ok, message)
  if not ok then errors.raise { kind = "failed", message = ("%s: %s"):format(path, message) } end
end

--- The record of an image that has a job's tag, if a killed run has left it, or another one is about to finish it.
---@param job table  with its tag
---@param image_id string?  the engine's, of the image with that tag
---@return molbuild.Found?  with is_pending
function pending.find(job, image_id)
  local of, found = read(job)
  return of ~= nil and of == image_id and found or nil
end

--- Finish the change of a record: if the image has its tag, the record becomes that of the tag; otherwise it is removed. The
--- runtime's lock is held.
---@param job table  with its tag
---@param image_id string?  the engine's, of the image with that tag
---@raise failed
function pending.settle(job, image_id)
  local found = pending.find(job, image_id)
  local path, own = record_file.path(job.cache, job.runtime, job.tag), record_file.note_path(job, ENDING)
  if found then must(path, record_file.put(path, found.document, found.signature)) end
  must(own, core.fs.remove_tree(own))
end

--- Keep a record, and its signature, as that of an image which gets a job's tag next; then call settle. Whether a record of another
--- place is true must have been checked before: attest.links.
---@param job table  with its tag; the runtime's lock is held
---@param image_id string
---@param document string
---@param signature string
---@raise failed
function pending.keep(job, image_id, document, signature)
  local path = record_file.note_path(job, ENDING)
  if core.fs.lstat(path) then pending.settle(job, (job.engine:image(job.tag) or {}).id) end
  local text = FORM:format(image_id, base64.encode(document), base64.encode(signature))
  must(path, core.fs.mkdirp(path:match "^(.*)/", 448))
  must(path, record_file.write(path, text, MAX))
end

return pending
