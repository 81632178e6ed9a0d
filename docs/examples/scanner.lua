--- Scanner step: an image that has a known critical fault gets no tag.
---   molbuild run docs/examples/scanner.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

local FAULTS = 7 -- the exit status for an image with faults; any other one is a failure of the scanner itself

local verify = ensure.verify
function ensure.verify(job)
  verify(job) -- what the setting smoke says
  local result = molbuild.child.run {
    argv = { "trivy", "image", "--exit-code=" .. FAULTS, "--severity=CRITICAL", job.unverified }, timeout = 600,
  }
  local last = molbuild.child.last_words(result)
  if result.code == FAULTS then return false, "it has critical faults: " .. last end
  if result.code ~= 0 then molbuild.raise { kind = "remote", message = "trivy: " .. last } end
end

return ensure
