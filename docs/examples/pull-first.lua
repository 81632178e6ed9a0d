--- Pull first: an image that another machine has built and pushed (push.lua) is pulled, and not built again.
---   molbuild run docs/examples/pull-first.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.image_prefix = "registry.internal.example/molecule"

-- The step is called again when the lock is held: then this process is the only one that pulls.
local cached = ensure.cached
function ensure.cached(job)
  if cached(job) then return true end
  if not job.held then return false end
  local ok, failure = molbuild.errors.try(job.engine.pull, job.engine, job.tag,
    { platform = job.target_platform, timeout = job.ceiling, stall = job.stall, keep = { job.held } })
  if ok then return cached(job) end -- the image must match, as one that was built here
  if failure.kind ~= "not_found" then molbuild.log.warn("%s; building the image", failure.message) end
  return false
end

return ensure
