--- ensure.lua with a verb that signs a record of the images that are there, as their builds would have: `molbuild sign attested.lua
--- RUNTIME...`. For the bench of hits that demand it.
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"
ensure.image_prefix = os.getenv "BENCH_IMAGE_PREFIX"
ensure.verbs.sign = "sign a record of the images that are there"

local function sign(job)
  job.target_platform = job.platform
  job.sha = ensure.head(job)
  job.tag = ensure.tag(job)
  job.image_id = assert(job.engine:image(job.tag)).id
  local record <close> = molbuild.record.begin(job)
  record:good()
end

ensure.extend {
  sign = function(args)
    for _, name in ipairs(args) do sign(ensure.job(name)) end
  end,
}
return ensure
