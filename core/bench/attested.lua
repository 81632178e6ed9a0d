--- ensure.lua with a verb that signs a record of the images that are there, as their builds would have: `molbuild sign attested.lua
--- RUNTIME...`; with allowed signers it also notes one for the commit, as a check would have. For the bench of hits that demand it.
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
  if not job.allowed_signers then return end
  job.signer = { commit = job.sha, principal = "bench", kind = "ssh", fingerprint = "none",
    signers_sha256 = molbuild.core.sha256.file(job.allowed_signers) }
  molbuild.signers.keep(job)
end

ensure.extend {
  sign = function(args)
    for _, name in ipairs(args) do sign(ensure.job(name)) end
  end,
}
return ensure
