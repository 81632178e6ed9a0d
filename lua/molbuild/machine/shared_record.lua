--- The signed record of a shared image. In the registry it is beside the image, as the labels of an image without files: the
--- program transfers it with the credentials that it has. What comes from a registry is believed as far as its signature covers.
local attest = require "molbuild.machine.attest"
local base64 = require "molbuild.base.base64"
local defer = require "molbuild.base.defer"
local log = require "molbuild.base.log"
local record_file = require "molbuild.machine.record_file"
local transfer = require "molbuild.engine.transfer"

local shared_record = {}

-- The labels app.molecule.record.1, .2, ...: docker takes no line of more than 64 KiB.
local LABEL, PART = "app.molecule.record.%d", 32 * 1024
local PARTS_MAX = (record_file.MAX + record_file.SIGNATURE_MAX) * 4 // 3 // PART + 2

--- The name of an image's record in the registry. It has the image's id in it: of two hosts that push at the same time, none
--- replaces the record of the other one's image.
---@param ref string  the image's name in the registry
---@param image_id string
---@return string
function shared_record.name(ref, image_id)
  return ("%s.%s.record"):format(ref, image_id:match "^sha256:(%x+)$":sub(1, 12))
end

--- A record and its signature as labels.
---@param document string
---@param signature string
---@return table<string, string>
function shared_record.labels(document, signature)
  local all, labels = base64.encode(document) .. "." .. base64.encode(signature), {}
  for at = 1, #all, PART do labels[LABEL:format(at // PART + 1)] = all:sub(at, at + PART - 1) end
  return labels
end

--- The record that labels hold; they may be anybody's.
---@param labels table
---@return molbuild.Found  with a message when they hold none
function shared_record.parse(labels)
  local parts = {}
  for number = 1, PARTS_MAX do
    local part = labels[LABEL:format(number)]
    if type(part) ~= "string" or #part > PART then break end
    parts[number] = part
  end
  local document, signature = table.concat(parts):match "^([%w+/=]+)%.([%w+/=]+)$"
  document, signature = document and base64.decode(document), signature and base64.decode(signature)
  if not (document and signature) or #document > record_file.MAX or #signature > record_file.SIGNATURE_MAX then
    return { message = "what the registry has is no record" }
  end
  return { document = document, signature = signature }
end

--- Whether this machine can use the record of an image that it pulls: without a key whose signatures count, it cannot.
---@param job table
---@return boolean
function shared_record.is_wanted(job)
  return (job.attested or job.attest_signers or job.signing_key) and true or false
end

--- Whether the record of a pulled image is that image's, and its signature counts here. Then it may be adopted.
---@param job table
---@param image_id string  of the pulled image
---@param found molbuild.Found  what came from the registry
---@return string? reason  why not
---@raise usage | failed | timeout | missing_tool
function shared_record.doubt(job, image_id, found)
  local broken = attest.broken(attest.links(job, image_id, found))
  return broken and ("%s: %s"):format(broken.link, broken.reason) or nil
end

--- Push the record of an image that was built here, if it is signed. It is pushed before its image.
---@param job table
---@param ref string  the image's name in the registry
---@param options molbuild.TransferOptions
---@param forget fun(job: table, ref: string)  takes a name from this machine's engine
---@raise auth | remote | failed | timeout | missing_tool
function shared_record.push(job, ref, options, forget)
  local own = record_file.bytes(job)
  if not (own.signature and job.image_id) then
    if own.message then log.warn("the record of %s is not pushed: %s", job.tag, own.message) end
    return
  end
  local name = shared_record.name(ref, job.image_id)
  local _ <close> = defer(function() forget(job, name) end)
  transfer.put_labels(job.engine, name, shared_record.labels(own.document, own.signature))
  job.engine:push(name, options)
end

return shared_record
