--- Dependent images: the image of `agent` is built from that of `agent-base`, which is ensured first. The template of `agent`
--- begins with
---   ARG BASE_IMAGE
---   FROM ${BASE_IMAGE}
---   molbuild run docs/examples/dependent.lua agent
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.runtimes = { "agent-base", "agent" }
ensure.per_runtime.agent = { needs = { "agent-base" } }

-- The jobs of the needed images, by runtime; none for an image that needs no other.
local function base_of(job)
  return (job.needed or {})["agent-base"]
end

-- The base's commit is part of the tag: when the base has a new commit, the image is built again.
local tag = ensure.tag
function ensure.tag(job)
  local base = base_of(job)
  return base and ("%s-%s"):format(tag(job), base.sha:sub(1, 12)) or tag(job)
end

local build = ensure.build
function ensure.build(job)
  local base = base_of(job)
  if base then job.build_args.BASE_IMAGE = base.tag end
  build(job)
end

return ensure
