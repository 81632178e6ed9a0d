--- Push after build: other machines get the images from a registry (pull-first.lua).
---   docker login registry.internal.example
---   molbuild run docs/examples/push.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.image_prefix = "registry.internal.example/molecule"

local function push(job)
  local result = job.engine:run({ "push", job.tag }, { timeout = job.ceiling, stall = job.stall })
  if result.code ~= 0 then
    molbuild.raise {
      kind = "remote",
      message = ("%s cannot be pushed: %s"):format(job.tag, molbuild.child.last_words(result)),
      hint = "the image is built; the next run pushes it",
    }
  end
end

-- `:latest` moves only after a push. If a push fails, the next run finds the image in the engine and pushes it.
local alias = ensure.alias
function ensure.alias(job)
  local latest = job.engine:image(job.alias)
  if not latest or latest.id ~= job.image_id then ensure.step(job, "push", push) end
  alias(job)
end

return ensure
