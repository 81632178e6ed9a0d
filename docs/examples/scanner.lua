--- Scanner step: an image that has a known critical fault is not given out.
---   molbuild run docs/examples/scanner.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

local function scan(job)
  local result = molbuild.child.run {
    argv = { "trivy", "image", "--exit-code=1", "--severity=CRITICAL", job.tag }, timeout = 600,
  }
  if result.code ~= 0 then
    molbuild.raise {
      message = ("%s has critical faults: %s"):format(job.tag, molbuild.child.last_words(result)),
      hint = "update the base image or the packages of the template",
    }
  end
end

-- `:latest` moves only after a scan. Until then each run scans the image again, also one that finds it in the engine.
local alias = ensure.alias
function ensure.alias(job)
  local latest = job.engine:image(job.alias)
  if not latest or latest.id ~= job.image_id then ensure.step(job, "scan", scan) end
  alias(job)
end

return ensure
