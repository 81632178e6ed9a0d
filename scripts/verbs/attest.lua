--- `molbuild attest ensure.lua [options] [runtime...]`: what is proven about the images that are there, link by link. Neither the
--- forge nor a registry is asked, and nothing is built.

-- The image that is meant: of the commit that is given or pinned, else the one that the moving name has.
local function find(ensure, job)
  ensure.preflight(job)
  job.target_platform = job.platform == "native" and ensure.engine_platform(job) or job.platform
  job.alias = ensure.latest(job)
  if job.commit or job.manifest or job.working_tree then
    job.sha = ensure.head(job)
  else
    job.sha = molbuild.attest.newest(job)
  end
  job.tag = job.sha and ensure.tag(job)
  return job.tag ~= nil
end

return {
  verb = function(ensure, args)
    return molbuild.attest.rows(ensure, args, function(job) return find(ensure, job) end)
  end,
}
