--- `molbuild plan ensure.lua [runtime...]`: what `run` would do, and why. Nothing is locked, written or built.
local plan = molbuild.plan

-- In registry mode the question is whether the image is pulled.
local function of_registry(ensure, job)
  job.tag = ensure.registry_image(job)
  if job.offline and job.image_pull ~= "never" then
    ensure.pull(job) -- which only looks whether the image is there
    return "registry"
  end
  if job.image_pull == "always" then return plan.PULL, "its tag may have moved" end
  local is_pulled = job.image_pull == "missing" and not job.engine:image(job.tag)
  if is_pulled then return plan.PULL, "no image" end
  return "registry"
end

-- The registry that hosts share images through is not asked: only a pull shows whether it has the very image.
local function or_pulled(job)
  if not job.image_cache or job.rebuild or job.working_tree then return "" end
  return ("; pulled instead if %s has the image"):format(job.image_cache)
end

-- The image that a run gives meanwhile.
local function or_stale(ensure, job)
  local good = job.stale > 0 and molbuild.stale.served(job, ensure)
  return good and ("; behind the result, which is %s%s"):format(good.tag, good.doubt) or ""
end

-- What a run gives after a failure that it remembers: an older image, if a setting allows it.
local function remembered(ensure, job, failure)
  local good = not job.unproven and job.stale > 0 and molbuild.stale.served(job, ensure)
  if good then
    job.tag, job.sha, job.reason = good.tag, good.sha, failure.message .. good.doubt
  elseif not job.fall_back then
    error(failure, 0)
  else
    molbuild.fall_back.serve(job, ensure, failure, "stale")
  end
  return "stale", job.reason
end

local function demand_attested(job)
  if job.attested and not molbuild.checked.before(job) then molbuild.attest.demand(job) end
end

-- An image that is there, and must be verified.
local function to_verify(ensure, job, demanded)
  demand_attested(job)
  local ok, reason = molbuild.errors.try(molbuild.verify.planned, job, demanded)
  if not ok then return remembered(ensure, job, reason) end
  return plan.VERIFY, reason
end

-- The steps of a run, up to the question whether there is an image.
local function outcome_of(ensure, job)
  if job.registry then return of_registry(ensure, job) end
  ensure.preflight(job)
  job.target_platform = job.platform == "native" and ensure.engine_platform(job) or job.platform
  job.alias = ensure.latest(job)
  job.sha = ensure.head(job)
  molbuild.manifest.obeyed(job, ensure.head)
  job.tag = ensure.tag(job)
  if not job.rebuild and ensure.cached(job) then
    local demanded = ensure.demands(job)
    if demanded and not molbuild.verify.is_proven(job, demanded) then return to_verify(ensure, job, demanded) end
    demand_attested(job)
    local unsure = job.allowed_signers and molbuild.signers.doubt(job)
    return job.offline_age and "stale" or "hit", unsure or job.reason or job.pinned and "the commit in " .. job.pinned or nil
  end
  if job.offline then molbuild.offline.refuse(job) end
  local ok, failure = molbuild.errors.try(molbuild.failures.check, job)
  if not ok then return remembered(ensure, job, failure) end
  return plan.BUILD, plan.reason(job) .. or_pulled(job) .. or_stale(ensure, job)
end

-- With --check-base, an image that is there may have a base that moved: why a run with --pull would do something.
local function with_base(job, outcome, reason)
  if outcome ~= "hit" and outcome ~= "stale" then return outcome, reason end
  local state, words = molbuild.check_base.run(job)
  return outcome, words or reason, state
end

return {
  verb = function(ensure, args)
    local known, rest = ensure.arguments(), {}
    local given = molbuild.arguments.parse(args, known.plan or known.run, "--all")
    for _, arg in ipairs(args) do rest[#rest + 1] = arg ~= "--check-base" and arg or nil end
    return plan.rows(ensure, rest, function(job)
      if given.check_base then return with_base(job, outcome_of(ensure, job)) end
      return outcome_of(ensure, job)
    end)
  end,
}
