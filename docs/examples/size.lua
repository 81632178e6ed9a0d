--- Size limit: an image must be no giant, and not much larger than the former one.
---   molbuild run docs/examples/size.lua claude-code
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

local MAX, GROWTH = 8e9, 1.5 -- bytes; times the size of the former image

local function gigabytes(bytes) return ("%.1f GB"):format(bytes / 1e9) end

function ensure.verify(job)
  local image, former = job.engine:image(job.unverified), job.engine:image(job.alias)
  if image.size > MAX then return false, ("it has %s, at most %s are allowed"):format(gigabytes(image.size), gigabytes(MAX)) end
  if former and image.size > former.size * GROWTH then
    return false, ("it has %s, and the former one %s"):format(gigabytes(image.size), gigabytes(former.size))
  end
end

return ensure
