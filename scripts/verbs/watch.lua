--- `molbuild watch ensure.lua [options] [runtime...]`: keeps images fresh, until a signal ends it.

-- A build that failed because of its commit is tried again after this time, in seconds, if the policy gives no longer one.
local FAILED_RETRY = 3600

-- A job of the policy, for a watch: the forge is asked, whatever other runs have seen, and nothing older is served.
local function prepare(job)
  if job.offline then
    molbuild.raise { kind = "usage", message = "a watch looks for new commits: MOLECULE_OFFLINE=1 cannot be used with it" }
  elseif job.registry and job.image_pull == "never" then
    molbuild.raise {
      kind = "usage", message = "in registry mode there is nothing to keep fresh: MOLECULE_IMAGE_PULL=always pulls what has moved",
    }
  end
  job.looks_afresh, job.stale = true, nil
  job.failed_retry = math.max(job.failed_retry, FAILED_RETRY)
  return job
end

return {
  verb = function(ensure, args)
    local outcomes = {}
    molbuild.keep_files()
    for outcome in pairs(ensure.words.outcomes) do outcomes[#outcomes + 1] = outcome end
    return molbuild.watch.verb(ensure, args, {
      prepare = prepare, outcomes = outcomes, unchanged = ensure.words.unchanged,
      steps = { lookup = "head", fetch = "clone" }, reload = molbuild.reload,
    })
  end,
}
