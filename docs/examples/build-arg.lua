--- A fork with one step changed: every build gets one more build argument.
---   molbuild run docs/examples/build-arg.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

local build = ensure.build
function ensure.build(job)
  job.build_args.PIP_INDEX_URL = "https://pypi.internal/simple"
  return build(job)
end

return ensure
