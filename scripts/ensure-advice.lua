--- What ensure.lua reports of a miss, and adds to the messages of its failures. It is loaded only then.
local advice = {}

--- A tool that is not there, as an error.
function advice.missing_tool(tool, job)
  return {
    kind = "missing_tool",
    message = ('"%s" not found on PATH — local-build mode requires both %s and git; either install them, '
      .. "or set MOLECULE_IMAGE_REGISTRY so local-build is bypassed"):format(tool, job.engine.command),
  }
end

--- A failed lookup of the commit, as an error.
function advice.head(job, failure)
  if failure.kind == "not_found" and failure.missing ~= "branch" then
    if job.lookup == "gitea" then
      failure.message = failure.message .. (' — runtime "%s" may not be mirrored to Gitea'):format(job.runtime)
    end
    local takes_token = job.repo_url:find "^https?:" and not job.token
    failure.hint = takes_token and "if it is private, set MOLECULE_GITEA_TOKEN" or nil
  elseif failure.kind == "auth" and failure.code ~= "publickey" then
    failure.message = failure.message .. " — verify MOLECULE_GITEA_TOKEN if private repo"
  end
  if failure.kind == "timeout" then failure.kind = "remote" end
  if failure.code == "no_api" then failure.hint = "if the forge is not a Gitea, set MOLECULE_HEAD_LOOKUP=git" end
  if failure.said then failure.message = ("%s (the forge reports: %s)"):format(failure.message, failure.said) end
  return molbuild.errors.wrap(failure, ('cannot determine HEAD sha for runtime "%s" at %s'):format(
    job.runtime, molbuild.core.mask.url(job.repo_url)))
end

-- A build for a platform that the engine emulates, as a warning.
local function emulated(job, own)
  return ("%s is emulated on this engine, which is %s: a build is slow and may fail; "
    .. "MOLECULE_IMAGE_PLATFORM=native builds for the engine's own platform"):format(job.target_platform, own)
end

--- The hint for a server that refuses the token, or requires one, when the tree is fetched.
function advice.auth(job)
  if job.token then return "set MOLECULE_GITEA_USER to the token's user; for Gogs, to the token itself" end
  return job.repo_url:find "^https?:" and "if it is private, set MOLECULE_GITEA_TOKEN" or nil
end

--- What is built from which commit, and why; a warning if the build will be slow.
function advice.announce(job)
  job.reason = molbuild.plan.reason(job)
  local is_old = job.pull_base -- that is no surprise
  if job.wrong and not is_old then molbuild.log.warn("%s: %s — building it again", job.tag, job.wrong) end
  molbuild.events.emit("building", {
    image = job.tag, url = molbuild.core.mask.url(job.repo_url), sha = job.sha, platform = job.target_platform, reason = job.reason,
  })
  local own = job.platform ~= "native" and job.engine:platform()
  if own and molbuild.image.is_emulated(job.target_platform, own) then molbuild.log.warn_once("%s", emulated(job, own)) end
end

--- What follows a build: others get the image, and what nothing needs any more goes.
function advice.afterwards(job, ensure)
  if job.allowed_signers then molbuild.signers.keep(job) end
  if job.image_cache then molbuild.shared.give(job) end
  molbuild.heads.forget(job, job.sha)
  molbuild.cache.prune(job.cache .. "/" .. job.runtime, ensure.keep_trees)
  if type(ensure.gc) == "table" then molbuild.gc.behind(ensure) end -- gc = { keep = 2 }
end

return advice
