--- Makes sure that the image of a Molecule workspace runtime exists on this machine, built from the commit that its
--- template repository's branch points at, and returns its tag:   molbuild run ensure.lua claude-code hermes
--- Each step is a field of the table below; a fork replaces the steps that it wants to change (docs/policy.md).
local molbuild = require "molbuild" -- a module is loaded at its first use: a hit needs few of them
local core, docker, errors, jobs, log = molbuild.core, molbuild.docker, molbuild.errors, molbuild.job, molbuild.log

local ensure = molbuild.settings.define({
  runtimes = { "autogen", "claude-code", "codex", "crewai", "deepagents", "gemini-cli", "hermes", "langgraph", "openclaw" },
  step = jobs.step, -- step(job, name, fn): a step of a fork's own
  per_runtime = {}, -- settings of single runtimes: { hermes = { branch = "next", ceiling = 1800 } }
  inputs = { [".runtime-version"] = "RUNTIME_VERSION" }, -- files of a template that become build arguments
}, molbuild.load "ensure-settings.lua")

-- The texts about failures are loaded when something fails, and each verb but run, a file of its own, when it is called.
local function advice() return molbuild.load "ensure-advice.lua" end
for verb in pairs(ensure.verbs) do
  ensure[verb] = function(args) return molbuild.load("verbs/" .. verb .. ".lua").verb(ensure, args) end
end

-- 1. Names ----------------------------------------------------------------------------------------------------------
--- The runtimes that the command line names, and the options of run.
function ensure.names(args)
  return jobs.named(args, ensure.runtimes, function() return ensure.arguments().run end)
end

--- The options of each verb.
function ensure.arguments() return molbuild.load "ensure-arguments.lua" end

--- Everything that the steps need for one runtime: its settings, and values derived from them.
function ensure.job(runtime)
  local job = molbuild.settings.read(ensure, runtime)
  local variables = job.variables
  if next(job.secrets) then molbuild.secrets.take(job.secrets) end -- out of the environment
  job.runtime = molbuild.names.component(runtime, "the runtime")
  job.engine = docker.engine()
  job.image = (job.registry or job.image_prefix) .. "/workspace-template-" .. runtime
  if job.allowed_signers or job.revoked_signers then molbuild.signers.expect_commit(job) end
  if job.registry then return job end
  local where = job.repo_url and ("per_runtime.%s.repo_url"):format(runtime) or variables.repo_prefix
  local usual = molbuild.token.strip(job.repo_prefix .. runtime, variables.repo_prefix)
  job.repo_url = job.repo_url and molbuild.token.strip(job.repo_url, where) or usual
  local scheme = molbuild.names.repository(job.repo_url, where)
  job.lookup = (scheme == "http" or scheme == "https") and job.head_lookup or "git"
  local ask = job.credential_helper == "1" and function(...) return molbuild.git.credential(...) end or nil
  job.token = molbuild.token.find(job.repo_url, { env = variables.token, file = variables.token_file, user = variables.token_user,
    meant_for = usual, own = { env = job.token_env, file = job.token_file }, credential = ask, lazy = job.offline or job.manifest })
  return job
end

-- 2. Mode -----------------------------------------------------------------------------------------------------------
--- In registry mode nothing is built: the registry's image is the result.
function ensure.registry_image(job) return job.image .. ":latest" end

--- Pulls that image if it is missing or, if so configured, if its tag may have moved.
function ensure.pull(job)
  local platform = job.platform ~= "native" and job.platform or nil
  job.image_id = molbuild.image.obtain(job.engine, job.tag, { always = job.image_pull == "always", platform = platform,
    offline = job.offline, stall = job.stall, timeout = job.ceiling }).id
end

-- 3. Pre-flight -----------------------------------------------------------------------------------------------------
function ensure.preflight(job)
  for _, tool in ipairs { job.engine.command, "git" } do
    local path = molbuild.env.program(tool) or molbuild.raise(advice().missing_tool(tool, job))
    log.detail("%s is %s", tool, path)
  end
end

-- 4. HEAD -----------------------------------------------------------------------------------------------------------
--- The commit that the branch points at. Fails closed: there is no fallback.
function ensure.head(job)
  if job.working_tree or job.commit or job.manifest or job.offline then return molbuild.manifest.head(job, ensure.tag) end
  local function lookup(...) return molbuild[job.lookup].branch_head(...) end -- of git or gitea
  local function ask_git(...) return molbuild.git.branch_head(...) end -- about a 404 that the forge does not explain
  local ok, result = errors.try(job.head_max_age > 0 and molbuild.heads.window(job, lookup) or lookup, job.repo_url, job.branch,
    { token = job.token, timeout = job.head_timeout, ask_git = ask_git })
  return ok and result or error(advice().head(job, result), 0)
end

-- 5. Tag ------------------------------------------------------------------------------------------------------------
--- The engine's own platform, for images that must have it. The engine may run on another machine.
function ensure.engine_platform(job)
  local platform, message = job.engine:platform()
  return platform or molbuild.raise { kind = "missing_tool", message = "cannot determine the engine's platform: " .. message }
end

-- A tag's ending: the architecture, for platforms without the plain tags, and the caller's own ending.
local function ending(job, always)
  local plain = job.target_platform == "linux/amd64" and not always
  return (plain and "" or "-" .. docker.short_platform(job.target_platform)) .. (job.isolation and "--" .. job.isolation or "")
end

function ensure.tag(job)
  local always = job.platform == "native" or job.tag_arch == "always"
  return ("%s:%s%s%s"):format(job.image, job.working_tree and "dev-" or "", job.sha:sub(1, 12), ending(job, always))
end

--- The name that moves with the branch. Each platform has its own, so that none replaces another's.
function ensure.latest(job) return job.image .. ":latest" .. ending(job) end

-- 6. Cache hit ------------------------------------------------------------------------------------------------------
--- Whether the engine has the tag, and the image matches. An unusable answer counts as no.
function ensure.cached(job)
  local image, message = job.engine:image(job.tag)
  job.wrong = message or image and (molbuild.image.mismatch(image, job.sha, job.target_platform, job.labels, job.target)
    or (next(job.build_args) or job.image_max_age < math.huge) and molbuild.outdated.reason(image, job, ensure.inputs)) or nil
  job.image_id = image and not job.wrong and image.id or nil
  return job.image_id ~= nil
end

-- 7. Miss ----------------------------------------------------------------------------------------------------------
-- The steps that build an image are in files of their own, too: a hit needs none of them.
for _, part in ipairs(ensure.settings.parts) do
  for _, name in ipairs { table.unpack(part, 2) } do
    ensure[name] = function(...) return molbuild.load(part[1])[name](ensure, ...) end
  end
end

local own_verify = ensure.verify

--- The verdict that an image must have before it is given out: none, unless there is a `smoke`, or a verify of a fork's own.
function ensure.demands(job)
  local is_own = ensure.verify ~= own_verify
  return (is_own or job.smoke) and molbuild.verify.demanded(job, ensure.verify, is_own) or nil
end

-- 8. Alias ---------------------------------------------------------------------------------------------------------
--- Points `:latest` at this image, unless it does so already. Best effort.
function ensure.alias(job)
  local ok, failure = errors.try(molbuild.image.alias, job.engine, job.tag, job.alias, job.image_id)
  job.image_id = ok and failure or job.image_id
  if not ok then log.warn("cannot tag %s: %s", job.alias, tostring(failure)) end
end

-- All steps ---------------------------------------------------------------------------------------------------------
local gives = ensure.settings.gives -- by function: what it must give

-- Reads the field at each call, so that a fork's replacement is used.
local function call(name, ...)
  return molbuild.expect.value(name, ensure[name], gives[name], ensure[name](...))
end

-- Whether there is the image. With `fall_back`, a refused one is no failure while there is an older one.
local function has_image(job, step)
  if not job.fall_back then return ensure.found(job, step) end
  local ok, found = errors.try(ensure.found, job, step)
  return ok and found or not ok and molbuild.fall_back.serve(job, ensure, found, "stale")
end

--- One runtime, from its name to its tag.
function ensure.image(job)
  local function step(name) return jobs.step(job, name, ensure[name], gives[name]) end
  if job.registry then
    if job.attested then molbuild.attest.demand(job) end -- which refuses it
    job.outcome, job.tag = "registry", call("registry_image", job)
    if job.image_pull and job.image_pull ~= "never" then step "pull" end
    local demanded = ensure.demands(job)
    if demanded then molbuild.verify.registry(job, ensure.verify, demanded) end
    return job.tag
  end
  job.target_platform = job.platform == "native" and step "engine_platform" or job.platform
  job.alias = call("latest", job)
  local asked <close> = job.engine:ask_early(job.alias) -- on a hit the only question; it runs during the next two steps
  step "preflight"
  local look_again = molbuild.retry.look_again(job.branch, core.mask.url(job.repo_url))
  while true do
    job.sha = step "head"
    if not molbuild.expect.is_shipped(ensure.head) then molbuild.manifest.obeyed(job, ensure.head) end
    job.tag = call("tag", job)
    job.outcome = job.offline_age and "stale" or "hit"
    if has_image(job, step) or ensure.make(job, step) then
      if job.attested and not molbuild.checked.before(job) then molbuild.attest.demand(job) end
      if not job.keeps_latest then step "alias" end
      if (job.stale or 0) > 0 then molbuild.seen.note(job) end
      return job.tag
    end
    look_again(job.sha) -- git could not get the commit: the branch has moved on, or a replica lags
  end
end

--- Whether the step cached finds the image, and it is verified. The shipped cached has asked the engine itself.
function ensure.found(job, step)
  local found = not job.rebuild and step "cached"
  job.unproven = nil
  if found and not molbuild.expect.is_shipped(ensure.cached) then ensure.prove(job, "cached") end
  if job.allowed_signers then molbuild.signers.vouch(job, step, found) end
  local demanded = found and ensure.demands(job)
  if demanded then return molbuild.verify.is_proven(job, demanded) end
  return found
end

function ensure.run(args)
  local names, optional, options = call("names", args)
  local list = jobs.with_needs(names, function(name) return jobs.chosen(call("job", name), options, names) end)
  -- What --all alone stands for, and the forge does not have.
  local function skip(job, e) return (optional or {})[job.runtime] and e.kind == "not_found" and e.step == "head" end
  return table.unpack(jobs.run_all(list, function(job) return call("image", job) end,
    { asked = names, skip = skip, finally = ensure.finally }))
end

--- The key of a build, for callers that keep builds elsewhere: 16 hex digits.
function ensure.cache_key(runtime, sha, prefix) return core.sha256.hex(runtime .. "|" .. sha .. "|" .. prefix):sub(1, 16) end

return ensure
