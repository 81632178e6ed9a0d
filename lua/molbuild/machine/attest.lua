--- What is proven about an image: its record is signed by an allowed key, names the engine's image, and is that of the commit, the
--- repository and the policy of the run. Nothing is believed that the signature does not cover.
local cache = require "molbuild.repository.cache"
local checked = require "molbuild.machine.checked"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local jobs = require "molbuild.base.job"
local log = require "molbuild.base.log"
local pending = require "molbuild.machine.pending"
local record = require "molbuild.machine.record"
local record_file = require "molbuild.machine.record_file"
local rows = require "molbuild.base.rows"
local signing = require "molbuild.machine.signing"
local task = require "molbuild.base.task"
local text = require "molbuild.base.text"

local attest = {}

-- Links -------------------------------------------------------------------------------------------------------------------

---@class molbuild.Link
---@field link string  its name
---@field what string?  what holds, or what was found
---@field reason string?  why the link is broken; nil when it holds

local function policy_now()
  local policy = task.scope().policy
  return policy and policy() or {}
end

local function differs(is, wanted, format)
  return is ~= wanted and format:format(text.shown(is or "nothing"), wanted) or nil
end

local function names_of(list)
  local words = {}
  for name, value in pairs(list or {}) do words[#words + 1] = ("%s=%s"):format(text.shown(name), text.shown(value)) end
  table.sort(words)
  return words[1] and table.concat(words, " ") or nil
end

local function bases_of(made)
  local words = {}
  for index, base in ipairs(made.bases) do
    local digest = base.digest or base.id and "the engine's " .. base.id or "of an unknown digest"
    words[index] = ("%s %s"):format(text.shown(base.name), text.shown(digest))
  end
  for _, unknown in ipairs(made.unknown_bases) do words[#words + 1] = text.shown(unknown) .. " unknown" end
  return words[1] and table.concat(words, ", ") or "none"
end

-- What a signed record must say, and what else it says.
local function links_of_record(job, image_id, made)
  local list, policy = {}, policy_now()
  local function add(link, what, reason) list[#list + 1] = { link = link, what = what, reason = reason } end
  add("image", image_id, differs(made.image_id, image_id, "the record is that of the image %s, not of %s"))
  add("runtime", made.runtime, differs(made.runtime, job.runtime, "the record is that of the runtime %s, not of %s"))
  add("commit", made.commit, differs(made.commit, job.sha, "the record is that of the commit %s, not of %s"))
  local url = core.mask.url(job.repo_url)
  add("repository", made.repository, differs(made.repository, url, "the record is that of the repository %s, not of %s"))
  add("platform", made.platform,
    differs(made.platform, job.target_platform, "the record is that of the platform %s, not of %s"))
  local sha256 = text.said(made.policy.sha256)
  add("policy", sha256 and ("%s %s"):format(text.shown(text.said(made.policy.name) or "?"), text.shown(sha256)),
    differs(sha256, policy.sha256 or "none", "the record is that of another policy: its digest is %s, not %s"))
  add("inputs", names_of(made.inputs))
  add("bases", bases_of(made))
  add("builder", table.concat({ made.engine or "?", made.builder or "?" }, " "))
  return list
end

local function signature_link(job, signers, found, time)
  if not found.signature then return { link = "signature", reason = found.message or "the record is not signed" } end
  local principal, more = signing.verify(job, signers, found.document, found.signature, time)
  if not principal then return { link = "signature", reason = more } end
  return { link = "signature", what = ("%s %s"):format(text.shown(principal), more) }
end

-- Whether a record is that of a job's image.
local function links_of(job, image_id, found, signers)
  if not image_id then return { { link = "image", reason = ("the engine has no image %s"):format(job.tag) } } end
  if not found.document then return { { link = "record", reason = found.message or "there is no record of the image" } } end
  local made, why = record.parse(found.document, "the record")
  why = why or made and made.error and "it is that of a build that failed"
  if not made or why then return { { link = "record", reason = why } } end
  local list = { { link = "record", what = "sha256:" .. core.sha256.hex(found.document) } }
  list[2] = signature_link(job, signers, found, made.finished)
  local more = links_of_record(job, image_id, made)
  return table.move(more, 1, #more, 3, list)
end

-- The record of the image that has a job's tag.
local function record_of(job, image_id)
  return pending.find(job, image_id) or record_file.bytes(job)
end

--- Check a record as that of a job's image, one link after the other.
---@param job table  with its commit, its platform and its tag
---@param image_id string?  the engine's; nil when it has no such image
---@param found molbuild.Found?  the job's own record when absent
---@return molbuild.Link[]  the first broken one has the cause
---@raise usage | failed | timeout | missing_tool
function attest.links(job, image_id, found)
  return links_of(job, image_id, found or record_of(job, image_id), signing.signers(job))
end

--- The first broken link; nil when all hold.
---@param links molbuild.Link[]
---@return molbuild.Link?
function attest.broken(links)
  for _, link in ipairs(links) do
    if link.reason then return link end
  end
end

local function refuse_registry()
  errors.raise { kind = "usage", message = "in registry mode no image is attested: a registry's images have no record here" }
end

-- On a hit ----------------------------------------------------------------------------------------------------------------

local function ask_id(job)
  local found, message = job.engine:image(job.tag)
  if message then errors.raise { kind = "missing_tool", message = ("%s: %s"):format(job.tag, message) } end
  return found and found.id
end

-- The first broken link, and what the check depended on.
local function look(job, image_id)
  local found, signers = record_of(job, image_id), signing.signers(job)
  return attest.broken(links_of(job, image_id, found, signers)), found, signers
end

-- A build replaces an image and its record one after the other: look again when no build runs. One that was killed between
-- both is finished here.
local function look_again(job)
  local is_held = job.held and job.held.held and job.held:held()
  local _ <close> = not is_held and cache.lock(job.cache, job.runtime,
    { purpose = "check " .. job.runtime, timeout = task.scope().lock_timeout }) or nil
  job.image_id = ask_id(job)
  local ok, failure = errors.try(pending.settle, job, job.image_id)
  if not ok then log.warn("the record of %s stays where a run that was killed left it: %s", job.tag, failure.message) end
  return look(job, job.image_id)
end

--- Demand that the image under a job's tag is attested. What the check depended on is remembered: checked.before.
---@param job table  as of attest.links
---@raise auth  it is not; the message names the broken link
---@raise usage | failed | timeout | missing_tool
function attest.demand(job)
  if job.registry then refuse_registry() end
  local is_read_only = task.scope().read_only
  job.image_id = job.image_id or ask_id(job)
  local broken, found, signers = look(job, job.image_id)
  if (broken or found.is_pending) and not is_read_only then broken, found, signers = look_again(job) end
  if broken then
    errors.raise {
      kind = "auth", retry = false,
      message = ("the image %s is not attested: %s: %s"):format(job.tag, broken.link, broken.reason),
      hint = ("--rebuild builds and signs it again; molbuild attest ensure.lua %s shows all links"):format(job.runtime),
    }
  end
  if not is_read_only then record_file.note_checked(job, checked.digest(job, job.image_id, found, signers.file)) end
end

-- The verb ----------------------------------------------------------------------------------------------------------------

-- The exit status for a broken link: that of the kind auth.
local BROKEN = 5

--- The commit of the image that a job's moving name has, by its label; nil when there is no such image.
---@param job table  with its alias
---@return string?
---@raise missing_tool  the engine cannot be reached, or gives no usable answer
function attest.newest(job)
  local found, message = job.engine:image(job.alias)
  if message then errors.raise { kind = "missing_tool", message = ("%s: %s"):format(job.alias, message) } end
  return found and require("molbuild.engine.image").revision(found)
end

-- The links of the image of one runtime; none where `--all` alone names the runtime, and it has no image.
local function links_of_runtime(job, find, is_optional)
  task.scope().runtime, task.scope().read_only = job.runtime, true
  if job.registry then refuse_registry() end
  local id = find(job) and ask_id(job)
  if not id and is_optional then return {} end
  if not job.tag then return { { link = "image", reason = ("the engine has no image %s"):format(job.alias) } } end
  return attest.links(job, id or nil)
end

--- What is proven about the images of some runtimes, one row for each link. The exit status is 5 for a broken one, or if there
--- is no image.
---@param policy table
---@param args string[]  options, and runtimes; all that have an image when nothing is given
---@param find fun(job: table): boolean  gives a job its platform, its alias, and, if there is an image, its commit and its tag
---@return molbuild.Rows
---@raise usage | missing_tool | failed | timeout
function attest.rows(policy, args, find)
  args = #args > 0 and args or { "--all" }
  require("molbuild.base.arguments").parse(args, policy.arguments().attest or {}, "--all") -- it has fewer options than run
  local names, optional, options = policy.names(args)
  local list = rows.new { columns = { { "runtime" }, { "link" }, { "status" }, { "details" } } }
  for _, name in ipairs(names) do
    local job = jobs.chosen(policy.job(name), options, names)
    for _, link in ipairs(links_of_runtime(job, find, (optional or {})[name])) do
      list:add {
        runtime = name, image = job.tag, link = link.link, status = link.reason and "broken" or "holds",
        details = link.reason or link.what,
      }
      if link.reason then list.exit = BROKEN end
    end
  end
  if #list == 0 then
    list:note "no image of these runtimes is on this machine"
    list.exit = BROKEN
  end
  return list
end

return attest
