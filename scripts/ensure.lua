--- Makes sure that the image of a Molecule workspace runtime exists on this machine, built from the commit that its
--- template repository's branch points at, and gives its tag:   molbuild run ensure.lua claude-code hermes
--- Each step is a field of the table below; a fork replaces the ones it wants otherwise (docs/policy.md).
local molbuild = require "molbuild" -- a module is loaded when it is first named: a hit needs few of them
local core, docker, errors, jobs, log = molbuild.core, molbuild.docker, molbuild.errors, molbuild.job, molbuild.log
local env, env_number = molbuild.env.get, molbuild.env.number

local ensure = {
  runtimes = {
    "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw",
  },
  branch = "main",
  branches = {}, -- a runtime's own branch, where it has one: { hermes = "next" }
  image_prefix = "molecule-local",
  repo_prefix = "https://git.moleculesai.app/molecule-ai/molecule-ai-workspace-template-",
  platform = "linux/amd64",
  head_timeout = 30, -- seconds
  stall = 240, -- seconds of silence after which a clone or a build is ended
  ceiling = 720, -- seconds it may take in all
  max_files = 20000, max_bytes = 2 * 1024 ^ 3, -- of a template's tree
  keep_trees = 3, -- of each runtime, in the cache
}

-- 1. Names ----------------------------------------------------------------------------------------------------------
--- The runtimes that the command line names.
function ensure.names(args)
  local known, all, names = {}, table.concat(ensure.runtimes, ", "), {}
  for _, name in ipairs(ensure.runtimes) do known[name] = true end
  for _, arg in ipairs(args) do
    if arg == "--all" then
      table.move(ensure.runtimes, 1, #ensure.runtimes, #names + 1, names)
    elseif known[arg] then
      names[#names + 1] = arg
    else
      molbuild.raise {
        kind = "usage",
        message = ('refusing to build unknown runtime "%s" (must be one of %s)'):format(arg, all),
        hint = arg:find "^%-" and "options stand before the script's name: molbuild run [options] ensure.lua ..." or nil,
      }
    end
  end
  if #names == 0 then
    molbuild.raise { kind = "usage", message = ("no runtime named (one or more of %s, or --all)"):format(all) }
  end
  return names
end

--- All that the steps need to know of one runtime, from the environment and the table above.
function ensure.job(runtime)
  local job = {
    runtime = molbuild.names.component(runtime, "the runtime"),
    branch = molbuild.names.branch(ensure.branches[runtime] or ensure.branch),
    repo_url = env("MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX", ensure.repo_prefix) .. runtime,
    platform = env("MOLECULE_IMAGE_PLATFORM", ensure.platform),
    registry = env "MOLECULE_IMAGE_REGISTRY",
    cache = env("MOLECULE_LOCAL_BUILD_CACHE", molbuild.env.cache_dir() .. "/molecule/workspace-template-build"),
    stall = env_number("MOLECULE_BUILD_STALL_GRACE_S", ensure.stall),
    ceiling = env_number("MOLECULE_BUILD_CEILING_S", ensure.ceiling),
    max_files = env_number("MOLECULE_TEMPLATE_MAX_FILES", ensure.max_files),
    max_bytes = env_number("MOLECULE_TEMPLATE_MAX_BYTES", ensure.max_bytes),
    build_args = {}, labels = {}, engine = docker.engine(),
  }
  job.repo_url = molbuild.token.strip(job.repo_url, "MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX")
  job.cache = molbuild.names.directory(job.cache, "MOLECULE_LOCAL_BUILD_CACHE")
  local where = job.registry and "MOLECULE_IMAGE_REGISTRY" or "image_prefix"
  job.image = molbuild.names.image_prefix(job.registry or ensure.image_prefix, where) .. "/workspace-template-" .. runtime
  job.alias = job.image .. ":latest"
  if not job.registry then
    job.lookup = molbuild.env.choice("MOLECULE_HEAD_LOOKUP", "git", "gitea") == "git" and "git" or nil
    local scheme = molbuild.names.repository(job.repo_url, "MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX")
    job.lookup = job.lookup or (scheme == "http" or scheme == "https") and "gitea" or "git"
    job.token, job.user = molbuild.token.find(job.repo_url, {
      env = "MOLECULE_GITEA_TOKEN", file = "MOLECULE_GITEA_TOKEN_FILE", user = "MOLECULE_GITEA_USER",
      helper = molbuild.env.choice("MOLECULE_GITEA_CREDENTIAL_HELPER", "0", "1") == "1",
    })
  end
  docker.check_platform(job.platform, "MOLECULE_IMAGE_PLATFORM")
  return job
end

-- 2. Mode -----------------------------------------------------------------------------------------------------------
--- With a registry nothing is built: its image is the result.
function ensure.registry_image(job)
  return job.image .. ":latest"
end

-- 3. Pre-flight -----------------------------------------------------------------------------------------------------
function ensure.preflight(job)
  for _, tool in ipairs { job.engine.command, "git" } do
    if not core.process.find(tool) then
      molbuild.raise {
        kind = "missing_tool",
        message = ('"%s" not found on PATH — local-build mode requires both %s and git; either install them, '
          .. "or set MOLECULE_IMAGE_REGISTRY so local-build is bypassed"):format(tool, job.engine.command),
      }
    end
  end
end

-- 4. HEAD -----------------------------------------------------------------------------------------------------------
--- The commit that the branch points at. Fails closed: nothing else is asked.
function ensure.head(job)
  local lookup = job.lookup == "git" and molbuild.git.branch_head or molbuild.gitea.branch_head
  local ok, result = pcall(lookup, job.repo_url, job.branch,
    { token = job.token, user = job.user, timeout = ensure.head_timeout })
  if ok then return result end
  if not errors.is(result) or result.kind == "cancelled" then error(result, 0) end
  if result.kind == "not_found" and job.lookup == "gitea" then
    result.message = result.message .. (' — runtime "%s" may not be mirrored to Gitea'):format(job.runtime)
  elseif result.kind == "auth" then
    result.message = result.message .. " — verify MOLECULE_GITEA_TOKEN if private repo"
  elseif result.kind == "timeout" then
    result.kind = "remote"
  end
  error(errors.wrap(result, ('cannot determine HEAD sha for runtime "%s" at %s'):format(
    job.runtime, core.mask.url(job.repo_url))), 0)
end

-- 5. Tag ------------------------------------------------------------------------------------------------------------
function ensure.tag(job)
  local suffix = job.platform == "linux/amd64" and "" or "-" .. docker.short_platform(job.platform)
  return ("%s:%s%s"):format(job.image, job.sha:sub(1, 12), suffix)
end

-- 6. Cache hit ------------------------------------------------------------------------------------------------------
--- Whether the engine has the tag, and it is what was asked for. Neither yes nor no is logged, and taken for a no.
function ensure.cached(job)
  local image, message = job.engine:image(job.tag)
  local wrong = message or image and molbuild.image.mismatch(image, job.sha, job.platform, job.labels)
  if wrong and wrong ~= job.wrong then log.warn("%s: %s — building it anew", job.tag, wrong) end
  job.wrong = wrong
  job.image_id = image and not wrong and image.id or nil
  return job.image_id ~= nil
end

-- 7. Lock -----------------------------------------------------------------------------------------------------------
--- Between processes, for each runtime.
function ensure.lock(job)
  return molbuild.cache.lock(job.cache, job.runtime, {
    purpose = "build " .. job.runtime,
    timeout = molbuild.task.scope().lock_timeout,
  })
end

-- 8. Clone ----------------------------------------------------------------------------------------------------------
--- The tree of the very commit, in job.dir. False when the branch has moved on and the commit cannot be had.
function ensure.clone(job)
  job.dir = ("%s/%s/%s"):format(job.cache, job.runtime, job.sha:sub(1, 12)) -- the tree that is built
  job.log_file = job.dir .. ".log"
  local cache = molbuild.cache
  local staging <close> = cache.staging(job.cache, job.runtime)
  local tree = staging.path .. "/tree"
  if not molbuild.git.tree {
    repository = cache.repository(job.cache, job.runtime), dir = tree,
    url = job.repo_url, commit = job.sha, branch = job.branch, token = job.token, user = job.user,
    files = job.max_files, bytes = job.max_bytes, stall = job.stall, timeout = job.ceiling, keep = { job.held },
  } then return false end
  cache.publish(tree, job.dir)
  return true
end

-- 9. Check ----------------------------------------------------------------------------------------------------------
function ensure.check(job)
  molbuild.template.check(job.dir, job.engine.command)
end

-- 10. Build ---------------------------------------------------------------------------------------------------------
function ensure.build(job)
  if job.builder_advice then log.once("%s", job.builder_advice) end
  local runtime = { ["app.molecule.runtime"] = job.runtime }
  local image = job.engine:build {
    tag = job.tag, dir = job.dir, platform = job.platform, builder = job.builder,
    build_args = job.build_args, labels = molbuild.image.labels(job.sha, job.repo_url, runtime, job.labels),
    stall = job.stall, timeout = job.ceiling, log_file = job.log_file,
    keep = { job.held }, -- the lock lives as long as the build does
  }
  job.image_id = image and image.id
end

-- 11. Alias ---------------------------------------------------------------------------------------------------------
--- `:latest` is this image from now on, unless it is already. Best effort.
function ensure.alias(job)
  local ok, failure = pcall(function()
    if not job.image_id then job.image_id = (job.engine:image(job.tag) or {}).id end
    local latest = job.engine:image(job.alias)
    if not latest or latest.id ~= job.image_id then job.engine:tag(job.tag, job.alias) end
  end)
  if not ok and (not errors.is(failure) or failure.kind == "cancelled") then error(failure, 0) end
  if not ok then log.warn("cannot tag %s: %s", job.alias, tostring(failure)) end
end

-- All of it ---------------------------------------------------------------------------------------------------------
--- One runtime, from its name to its tag.
function ensure.image(job)
  -- Runs the field as it is now, so that a fork's replacement counts.
  local function step(name) return jobs.step(job, name, ensure[name]) end
  if job.registry then
    job.outcome, job.tag = "registry", ensure.registry_image(job)
    return job.tag
  end
  step "preflight"
  local asked <close> = job.engine:ask_early(job.alias) -- on a hit this is all that is asked, while HEAD is looked up
  for _ = 1, 3 do
    job.sha = molbuild.sha.check(step "head", "the step head")
    job.tag = ensure.tag(job)
    job.outcome = "hit"
    if step "cached" or ensure.make(job, step) then
      step "alias"
      return job.tag
    end
    log.info("%s has moved on: looking it up again", job.branch)
  end
  molbuild.raise { kind = "remote", message = ("%s keeps moving at %s"):format(job.branch, core.mask.url(job.repo_url)) }
end

--- A miss: build it, unless another process does so while we wait. False when the branch has moved on.
function ensure.make(job, step)
  local lock <close> = step "lock"
  job.held = lock
  if step "cached" then return true end
  local place <close> = jobs.place()
  job.outcome = "built"
  local builder = molbuild.task.spawn(job.engine.builder, job.engine) -- meanwhile
  if not step "clone" then return false end
  job.builder, job.builder_advice = builder:join()
  step "check"
  step "build"
  molbuild.cache.prune(job.cache .. "/" .. job.runtime, ensure.keep_trees)
  return true
end

function ensure.run(args)
  local list = {}
  for index, name in ipairs(ensure.names(args)) do list[index] = ensure.job(name) end
  return table.unpack(jobs.run_all(list, function(job) return ensure.image(job) end))
end

--- What identifies a build, for those who keep one elsewhere: 16 hex digits.
function ensure.cache_key(runtime, sha, prefix)
  return core.sha256.hex(("%s|%s|%s"):format(runtime, sha, prefix)):sub(1, 16)
end

return ensure
