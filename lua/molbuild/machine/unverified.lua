--- The name under which an image is built until it is verified. It never counts as the image's tag: no run finds it, pushes it or
--- gives it out. It is removed before the run ends, whatever the run found, or failed with.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"
local log = require "molbuild.base.log"
local stock = require "molbuild.engine.stock"
local task = require "molbuild.base.task"

local unverified = {}

local ENDING = ".unverified"
local TAG_MAX = 128 -- the engines' bound

--- Seconds: the longest time for removing the name when a run ends.
local REMOVE_MAX = 30

--- The name for an image that will get a tag. Two tags have two names.
---@param tag string  the image's name with its tag
---@return string
function unverified.name(tag)
  local name, label = tag:match "^(.+):([^:/]+)$"
  if not label then name, label = tag, "latest" end
  name = name:gsub("@.*$", "") -- of a digest
  if #label + #ENDING > TAG_MAX then label = label:sub(1, 64) .. "-" .. core.sha256.hex(tag):sub(1, 16) end
  return ("%s:%s%s"):format(name, label, ENDING)
end

--- Whether a name is one of these.
---@param name string  as an engine gives it
---@return boolean
function unverified.is(name)
  return name:sub(-#ENDING) == ENDING
end

-- Remove a name without force: an image that has another name keeps it, and one that a container uses stays as it is.
local function remove(engine, name)
  local removal = stock.remove(engine, name, true)
  if removal.refused then log.warn("%s stays on this machine until the next gc: %s", name, removal.refused) end
end

local Open = {}
Open.__index = Open

--- Begin to make an image under its other name: sets job.unverified. The name goes when this is closed.
---@param job table  with its tag
---@param fn function?  the policy's step that makes the image; none for one that was pulled
---@return { accept: fun(self: table) }  to be closed
function unverified.begin(job, fn)
  job.unverified, job.image_id = unverified.name(job.tag), nil
  -- What a run left that was killed: the shipped build takes the name from it, a fork's own one may not use the name.
  local ok, left = true, nil
  if fn and not expect.is_shipped(fn) then ok, left = errors.try(job.engine.image, job.engine, job.unverified) end
  if ok and left then remove(job.engine, job.unverified) end
  return setmetatable({ job = job }, Open)
end

--- The name of what a step has made. A fork's own step may have given the image its tag; then it is taken back, if the image must
--- be verified first.
---@param job table  sets job.unverified to it
---@param fn function  the step
---@param must_verify boolean
---@return string
function unverified.made(job, fn, must_verify)
  if expect.is_shipped(fn) or job.engine:image(job.unverified) then return job.unverified end
  local given = job.engine:image(job.tag)
  if not given or not must_verify then
    job.unverified = job.tag
  else
    job.engine:tag(given.id, job.unverified)
    remove(job.engine, job.tag)
  end
  return job.unverified
end

--- The image is the right one: it gets its tag. A fork's own step `prove` may know no image.
function Open:accept()
  local job = self.job
  if job.unverified == job.tag then return end
  local ok, answer = true, {}
  if not job.image_id then
    ok, answer = errors.try(function() return { job.engine:image(job.unverified) } end)
  end
  self.id = job.image_id or ok and answer[1] and answer[1].id
  -- An unusable answer is no reason to have no tag: the engine then tags by name.
  local ref = self.id or ok and answer[2] and job.unverified
  if not ref then return end
  job.engine:tag(ref, job.tag)
  job.image_id = self.id
end

-- Another run, with another cache, may have built under the same name by now: that image is not ours.
local function forget(self)
  local job = self.job
  if job.unverified == job.tag then return end
  local found = job.engine:image(job.unverified)
  if found and (not self.id or found.id == self.id) then remove(job.engine, job.unverified) end
end

function Open:__close()
  local ok, failure = pcall(task.shield, task.timeout, REMOVE_MAX, function() forget(self) end)
  if not ok then log.detail("%s may stay on this machine until the next gc: %s", self.job.unverified, tostring(failure)) end
end

return unverified
