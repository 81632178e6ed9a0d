--- The steps of ensure.lua that build an image; it loads them when one is missing. ENSURE is its table, with what a fork has
--- replaced in it.
local molbuild = require "molbuild"
local jobs, log = molbuild.job, molbuild.log

local build = {}

local function advice() return molbuild.load "ensure-advice.lua" end

-- Lock --------------------------------------------------------------------------------------------------------------
--- One lock per runtime, between processes.
function build.lock(_, job)
  return molbuild.cache.lock(job.cache, job.runtime, {
    purpose = molbuild.behind.purpose(job), timeout = molbuild.task.scope().lock_timeout,
    follow = function(holder) return molbuild.behind.log(job, holder) end, -- while another process builds
  })
end

--- Takes the image from the registry that hosts share images through, if it has the very one.
function build.shared(ensure, job)
  local demanded = ensure.demands(job)
  local ask = demanded and function() molbuild.verify.ask(job, ensure.verify, demanded) end
  return molbuild.shared.take(job, ensure.inputs, "pulled", ask)
end

-- Clone -------------------------------------------------------------------------------------------------------------
--- The tree of exactly this commit, in job.dir. False when the branch has moved on and the commit is not available.
function build.clone(_, job)
  job.dir = ("%s/%s/%s"):format(job.cache, job.runtime, job.sha:sub(1, 12)) -- the tree that is built
  job.log_file = job.dir .. ".log"
  return molbuild.cache.fill(job.cache, job.runtime, job.dir, function(tree, repository)
    if job.working_tree then return molbuild.working_tree.copy(job, tree) end
    return molbuild.git.tree {
      repository = repository, dir = tree, url = job.repo_url, commit = job.sha, branch = job.branch, keep = { job.held },
      on_branch = job.commit and not job.allow_detached, detached_hint = "add --allow-detached to build it", stall = job.stall,
      token = job.token or molbuild.token.later(job.repo_url), files = job.max_files, bytes = job.max_bytes, timeout = job.ceiling,
      auth_hint = advice().auth(job), verify = job.allowed_signers and molbuild.signers.check(job) or nil,
    }
  end)
end

-- Check -------------------------------------------------------------------------------------------------------------
function build.check(ensure, job)
  molbuild.template.check(job.dir, job.engine:program(), "template repo malformed")
  job.inputs = molbuild.inputs.read(job.dir, ensure.inputs)
end

-- Build -------------------------------------------------------------------------------------------------------------
function build.build(ensure, job)
  if job.builder_advice then log.once("%s", job.builder_advice) end
  job.inputs = job.inputs or molbuild.inputs.read(job.dir, ensure.inputs) -- a fork's check may not have read them
  local build_args, inputs = molbuild.inputs.apply(ensure.inputs, job.inputs, job.build_args)
  local bases <close> = molbuild.bases.find(job, build_args)
  local image = job.engine:build {
    tag = job.unverified, called = job.tag, dir = job.dir, builder = job.builder,
    platform = job.platform ~= "native" and job.platform or nil, build_args = build_args, no_cache = job.no_cache,
    pull = job.pull_base, buildkit = molbuild.buildkit.options(job),
    labels = molbuild.image.labels(job.sha, job.repo_url, molbuild.image.job_labels(job), inputs, bases:labels(), job.labels),
    metadata_file = bases.metadata_file,
    stall = job.stall, timeout = job.ceiling, log_file = job.log_file, keep = { job.held }, -- the lock, as long as it builds
    secrets = job.secrets, ssh = job.ssh, memory = job.memory, cpus = job.cpus, network = job.network, target = job.target,
    settings = { native = "MOLECULE_IMAGE_PLATFORM=native", cache = "MOLECULE_LOCAL_BUILD_CACHE" },
  }
  job.image_id = image and image.id
  bases:settle(image)
end

-- Verify ------------------------------------------------------------------------------------------------------------
--- Whether the image that was built may have its tag: with `smoke`, it must run once.
function build.verify(_, job)
  if job.smoke then molbuild.smoke.run(job) end
end

-- All of them -------------------------------------------------------------------------------------------------------
--- Asks the engine whether a step was right: after a success without an image the tag would name nothing.
function build.prove(ensure, job, name)
  local is_new = name == "build"
  local ref = is_new and molbuild.unverified.made(job, ensure.build, ensure.demands(job) ~= nil) or job.tag
  local found = molbuild.image.prove(job.engine, ref,
    { revision = job.sha, platform = job.target_platform, labels = job.labels, target = job.target, labelled = is_new },
    name, ensure[name])
  job.image_id = found and found.id or job.image_id
end

--- Reports what is built from which commit, and why, and warns if the build will be slow.
function build.announce(_, job) advice().announce(job) end

-- Whether the shared registry has the image. Why it could not be used is recorded as a failed build is.
local function take_shared(job, step)
  local _ <close> = molbuild.record.attempt(job)
  if not step "shared" then return false end
  if job.allowed_signers then molbuild.signers.vouch(job, step, true) end
  return true
end

-- A miss: build it, unless another process does so while we wait. False when the branch has moved on.
local function make(ensure, job, step)
  if job.offline and not job.unproven then molbuild.offline.refuse(job) end
  local may_serve = (job.stale or 0) > 0 and not job.unproven
  if may_serve and molbuild.stale.serve(job, ensure, step, "stale") then return true end
  local lock <close> = step "lock"
  job.held, step = lock, molbuild.behind.describing(job, lock, step)
  if ensure.found(job, step) then return true end
  local place <close> = jobs.place()
  if job.unproven then
    if job.attested then molbuild.attest.demand(job) end -- one that is not is not even run
    return molbuild.verify.again(job, ensure.verify, ensure.demands(job))
  end
  if job.image_cache and take_shared(job, step) then
    return molbuild.verify.settle(job, ensure.verify, ensure.demands(job))
  end
  molbuild.failures.check(job)
  job.outcome = "built"
  ensure.announce(job)
  local record <close> = molbuild.record.begin(job)
  local builder = molbuild.buildkit.find(job) -- in parallel
  if not step "clone" then return molbuild.heads.forget(job) end
  if job.allowed_signers then molbuild.signers.demand(job, ensure.clone) end
  job.builder, job.builder_advice = builder:join()
  step "check"
  local image <close> = molbuild.unverified.begin(job, ensure.build)
  step "build"
  ensure.prove(job, "build")
  molbuild.verify.ask(job, ensure.verify, ensure.demands(job))
  record:sign()
  image:accept()
  record:good()
  advice().afterwards(job, ensure)
  return true
end

--- The steps of a miss. With `fall_back`, a refused image is no failure while there is an older one.
function build.make(ensure, job, step)
  if not job.fall_back then return make(ensure, job, step) end
  return molbuild.fall_back.around(job, ensure, "stale", function() return make(ensure, job, step) end)
end

return build
