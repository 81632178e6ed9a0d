---@meta ensure

-- Stubs of scripts/ensure.lua, for language servers: never loaded. Made by make docs from the tables of
-- scripts/ensure-settings.lua and the comments of scripts/ensure.lua.

--- What the steps need for one runtime: its settings, and what they have found out. A fork may add fields.
---@class job
---@field branch string  the branch whose commit is built (default: main)
---@field repo_prefix string  the URL of a template repository without the runtime's name at its end; https, http, ssh, git or
---  file. Credentials in it are removed and used, with a warning (default:
---  https://git.moleculesai.app/molecule-ai/molecule-ai-workspace-template-; variable: MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX)
---@field repo_url string?  the whole URL of a template repository, instead of the prefix and the name
---@field head_lookup "gitea"|"git"  how the commit is looked up: by Gitea's API, or by git (always for ssh, git and file)
---  (default: gitea; variable: MOLECULE_HEAD_LOOKUP)
---@field head_timeout number  the longest time of the lookup, in seconds; 0: no bound (default: 30)
---@field head_max_age number  the longest time for which the commit that was looked up is used again without a question, in
---  seconds, at most a day; 0: every run looks it up (default: 0; variable: MOLECULE_HEAD_MAX_AGE_S)
---@field token_file string?  a file, or a pipe, that holds the token; a warning names one that other users can read (variable:
---  MOLECULE_GITEA_TOKEN_FILE)
---@field token_env string?  the variable that holds the token for a runtime whose repository has a token of its own
---@field token_user string?  the user name that git sends with the token; when not set, the helper's, or oauth2 (variable:
---  MOLECULE_GITEA_USER)
---@field credential_helper "0"|"1"  1: without a token, ask git's credential helpers, which must not prompt (default: 0;
---  variable: MOLECULE_GITEA_CREDENTIAL_HELPER)
---@field image_prefix string  the beginning of the names of built images (default: molecule-local)
---@field registry string?  registry mode: nothing is built; the result is this registry's image (variable:
---  MOLECULE_IMAGE_REGISTRY)
---@field image_pull "never"|"missing"|"always"  what registry mode pulls: missing, images that do not exist locally; always,
---  also images whose tag may have moved (default: never; variable: MOLECULE_IMAGE_PULL)
---@field platform string  the platform of the images, such as linux/arm64; native: the engine's own (default: linux/amd64;
---  variable: MOLECULE_IMAGE_PLATFORM)
---@field tag_arch "auto"|"always"  which tags end in -ARCH: auto, those of native and of platforms other than linux/amd64;
---  always, all (default: auto; variable: MOLECULE_IMAGE_TAG_ARCH)
---@field isolation string?  a text at the end of all tags, as --TEXT, so that two callers on one engine do not share images
---  (variable: MOLECULE_LOCAL_IMAGE_ISOLATION)
---@field needs string[]  runtimes whose images this one is built from: they are ensured first
---@field build_args table<string, string>  build arguments
---@field secrets table<string, molbuild.BuildSecret>  secrets for RUN --mount=type=secret, by id: { pip = { env = "PIP_TOKEN" }
---  }, or { file = "/path" }
---@field ssh string[]?  keys for RUN --mount=type=ssh: "default", the agent, or "default=/path", a key or a socket; or a list
---@field memory integer?  the most memory of a RUN, such as 2g, in powers of 1024
---@field cpus number?  the most processors of a RUN, such as 1.5
---@field network ("default"|"none"|"host")?  the network of the RUNs: default, none or host
---@field target string?  the stage of the Dockerfile that is built; when not set, the last one
---@field labels table<string, string>  labels of the image, which override those of the policy
---@field stall number  the longest silence of a clone or a build, in seconds; 0: no bound (default: 240; variable:
---  MOLECULE_BUILD_STALL_GRACE_S)
---@field ceiling number  the longest time of a clone or a build, in seconds; 0: no bound (default: 720; variable:
---  MOLECULE_BUILD_CEILING_S)
---@field max_files number  the most files and directories of a template; 0: no bound (default: 20000; variable:
---  MOLECULE_TEMPLATE_MAX_FILES)
---@field max_bytes number  the largest size of a template, in bytes; 0: no bound (default: 2147483648; variable:
---  MOLECULE_TEMPLATE_MAX_BYTES)
---@field cache string  the directory of trees, logs and locks (default: molecule/workspace-template-build in the user's cache
---  directory; variable: MOLECULE_LOCAL_BUILD_CACHE)
---@field manifest string?  a file that names the commit of each runtime, by `molbuild pin` or a manifest of templates: no branch
---  is looked up (variable: MOLECULE_MANIFEST)
---@field offline boolean  1: nothing is contacted but the engine; the result is the newest image on this machine, or the
---  manifest's (default: 0; variable: MOLECULE_OFFLINE)
---@field image_max_age number  an image that is older, in seconds, is built again from base images that are fetched again; 0: no
---  bound (default: 0; variable: MOLECULE_IMAGE_MAX_AGE_S)
---@field failed_retry number  how long, in seconds, a build that failed because of its commit is not tried again; 0: the next
---  run tries it (default: 0; variable: MOLECULE_FAILED_RETRY_S)
---@field stale number  how many seconds ago the last good image may have been current: it is then the result of a run that lacks
---  the new one, which is built behind that result; 0: a run waits (default: 0; variable: MOLECULE_SERVE_STALE_S)
---@field image_cache string?  shared images: a registry, such as registry.example/team, from which a missing image is pulled,
---  and compared (variable: MOLECULE_IMAGE_CACHE)
---@field image_cache_timeout number  the longest time until that registry begins to give an image, in seconds; then the image is
---  built; 0: no bound (default: 10; variable: MOLECULE_IMAGE_CACHE_TIMEOUT_S)
---@field image_cache_required "0"|"1"  1: an image that the registry does not give is an error, and is not built (default: 0;
---  variable: MOLECULE_IMAGE_CACHE_REQUIRED)
---@field image_cache_push "0"|"1"|"required"  1: push images that were built here to the registry, behind the result; required:
---  before it, and a failure is an error (default: 0; variable: MOLECULE_IMAGE_CACHE_PUSH)
---@field buildx_builder string?  the name of a builder of docker buildx's, on another machine for example: it builds, and the
---  engine gets the image (variable: MOLECULE_BUILDER)
---@field build_cache_from string?  where BuildKit takes layers from: type=registry,ref=..., or an image; several with spaces
---  between them (variable: MOLECULE_BUILD_CACHE_FROM)
---@field build_cache_to string?  where BuildKit puts layers: inline (in the image), or type=registry,ref=...; several with
---  spaces between them (variable: MOLECULE_BUILD_CACHE_TO)
---@field signing_key string?  a key of OpenSSH's that signs the record of each image built here; of a public key, an agent has
---  the private half (variable: MOLECULE_SIGNING_KEY)
---@field attest_signers string?  the keys whose signatures of records count, as a list of ssh-keygen's allowed signers; when not
---  set, the signing key alone (variable: MOLECULE_ATTEST_SIGNERS)
---@field attested boolean  1: an image is used only if its record is that of this very image, and is signed by such a key
---  (default: 0; variable: MOLECULE_ATTESTED)
---@field allowed_signers string?  who may sign: a file in the format of OpenSSH's allowed signers, with OpenPGP keys as armored
---  blocks, or a keyring of gpg's. Only a commit with a good signature by one of them is built, or has an image that is used
---  (variable: MOLECULE_ALLOWED_SIGNERS)
---@field revoked_signers string?  whose keys are revoked, whatever the time of a commit is: a key revocation list of OpenSSH, or
---  a public key or a fingerprint per line (variable: MOLECULE_REVOKED_SIGNERS)
---@field signers_mode "enforce"|"warn"  what happens to another commit: enforce, it is an error; warn, it is reported only
---  (default: enforce; variable: MOLECULE_SIGNERS_MODE)
---@field smoke (table|false)?  runs each image once before it gets its tag, apart from everything: { argv = { program, ... },
---  timeout = 60 (seconds), memory = "512m", tmp = "64m", pids = 256 }
---@field fall_back boolean  true: when the commit's image is refused by verify, or its signature is, the last good image is
---  used, with a warning (default: false)
---@field keep_trees number  how many trees and logs of each runtime are kept (default: 3)
---@field runtime string  the runtime's name
---@field engine molbuild.Engine  the container engine
---@field image string  the image's name without a tag
---@field lookup string  how the commit is looked up: gitea or git
---@field token molbuild.Credential?  the token for the repository, bound to its origin
---@field variables table<string, string>  by setting: the variable that overrides it
---@field bounds table<string, string>  by bound: the name that errors use for it
---@field target_platform string  the platform of the image, never native
---@field alias string  the name that moves with the branch
---@field sha string  the commit
---@field tag string  the image's name with its tag
---@field unverified string  the name under which the image is built and verified
---@field verified table?  what the step verify found: by, sha256, seconds
---@field unproven string?  why the image that was found must be verified
---@field image_id string?  the image's id in the engine
---@field reason string?  why the image is built, or how old it is, in one line
---@field rebuild boolean?  build although the image is there
---@field no_cache boolean?  build without the layers of former builds
---@field pull_base boolean?  fetch the base images again
---@field commit string?  the commit that was asked for: it is not looked up
---@field working_tree string?  the directory that is built instead of a commit
---@field allow_detached boolean?  build a commit that was asked for also when it is not on the branch
---@field pinned string?  the file that named the commit
---@field offline_age number?  offline: the age of the image in seconds
---@field wanted string?  of an older image: the commit that was wanted
---@field behind_s number?  of an older image: how many seconds ago it was current
---@field building table?  of an older image: what builds the new one: pid, host, seconds, step
---@field is_base boolean?  another job of this run is built from its image
---@field keeps_latest boolean?  leave the name that moves with the branch as it is
---@field looks_afresh boolean?  look the commit up now, for this run and for others
---@field head_age number?  how many seconds ago the commit was looked up, when it was not looked up now
---@field wrong string?  why the image under the tag does not match
---@field outcome string  the result's kind: hit, built, pulled, registry, stale
---@field held molbuild.core.Lock?  the lock, while the image is built
---@field dir string  the tree that is built
---@field log_file string  the log of the build
---@field signer table?  who signed the commit, when that is checked: principal, fingerprint, kind
---@field inputs table<string, string>?  the contents of the template's declared inputs
---@field bases table[]?  the images that the build began with: name, digest, id
---@field builder string?  the builder that the engine's program uses: buildkit or classic
---@field builder_advice string?  the advice to log about that builder
---@field steps table<string, number>  by step: the seconds that it took
---@field skipped boolean?  whether the job was skipped
---@field needed table<string, table>?  by runtime: the jobs of the images that this one needs

--- Settings of one runtime.
---@class ensure.PerRuntime
---@field branch string?  the branch whose commit is built (default: main)
---@field repo_url string?  the whole URL of a template repository, instead of the prefix and the name
---@field head_lookup ("gitea"|"git")?  how the commit is looked up: by Gitea's API, or by git (always for ssh, git and file)
---  (default: gitea; variable: MOLECULE_HEAD_LOOKUP)
---@field head_max_age number?  the longest time for which the commit that was looked up is used again without a question, in
---  seconds, at most a day; 0: every run looks it up (default: 0; variable: MOLECULE_HEAD_MAX_AGE_S)
---@field token_file string?  a file, or a pipe, that holds the token; a warning names one that other users can read (variable:
---  MOLECULE_GITEA_TOKEN_FILE)
---@field token_env string?  the variable that holds the token for a runtime whose repository has a token of its own
---@field platform string?  the platform of the images, such as linux/arm64; native: the engine's own (default: linux/amd64;
---  variable: MOLECULE_IMAGE_PLATFORM)
---@field needs string[]?  runtimes whose images this one is built from: they are ensured first
---@field build_args table<string, string>?  build arguments
---@field secrets table<string, molbuild.BuildSecret>?  secrets for RUN --mount=type=secret, by id: { pip = { env = "PIP_TOKEN" }
---  }, or { file = "/path" }
---@field ssh (string|string[])?  keys for RUN --mount=type=ssh: "default", the agent, or "default=/path", a key or a socket; or
---  a list
---@field memory (string|integer)?  the most memory of a RUN, such as 2g, in powers of 1024
---@field cpus (string|number)?  the most processors of a RUN, such as 1.5
---@field network ("default"|"none"|"host")?  the network of the RUNs: default, none or host
---@field target string?  the stage of the Dockerfile that is built; when not set, the last one
---@field labels table<string, string>?  labels of the image, which override those of the policy
---@field stall number?  the longest silence of a clone or a build, in seconds; 0: no bound (default: 240; variable:
---  MOLECULE_BUILD_STALL_GRACE_S)
---@field ceiling number?  the longest time of a clone or a build, in seconds; 0: no bound (default: 720; variable:
---  MOLECULE_BUILD_CEILING_S)
---@field image_max_age number?  an image that is older, in seconds, is built again from base images that are fetched again; 0:
---  no bound (default: 0; variable: MOLECULE_IMAGE_MAX_AGE_S)
---@field stale number?  how many seconds ago the last good image may have been current: it is then the result of a run that
---  lacks the new one, which is built behind that result; 0: a run waits (default: 0; variable: MOLECULE_SERVE_STALE_S)
---@field buildx_builder string?  the name of a builder of docker buildx's, on another machine for example: it builds, and the
---  engine gets the image (variable: MOLECULE_BUILDER)
---@field build_cache_from string?  where BuildKit takes layers from: type=registry,ref=..., or an image; several with spaces
---  between them (variable: MOLECULE_BUILD_CACHE_FROM)
---@field build_cache_to string?  where BuildKit puts layers: inline (in the image), or type=registry,ref=...; several with
---  spaces between them (variable: MOLECULE_BUILD_CACHE_TO)
---@field allowed_signers string?  who may sign: a file in the format of OpenSSH's allowed signers, with OpenPGP keys as armored
---  blocks, or a keyring of gpg's. Only a commit with a good signature by one of them is built, or has an image that is used
---  (variable: MOLECULE_ALLOWED_SIGNERS)
---@field revoked_signers string?  whose keys are revoked, whatever the time of a commit is: a key revocation list of OpenSSH, or
---  a public key or a fingerprint per line (variable: MOLECULE_REVOKED_SIGNERS)
---@field signers_mode ("enforce"|"warn")?  what happens to another commit: enforce, it is an error; warn, it is reported only
---  (default: enforce; variable: MOLECULE_SIGNERS_MODE)
---@field smoke (table|false)?  runs each image once before it gets its tag, apart from everything: { argv = { program, ... },
---  timeout = 60 (seconds), memory = "512m", tmp = "64m", pids = 256 }
---@field fall_back boolean?  true: when the commit's image is refused by verify, or its signature is, the last good image is
---  used, with a warning (default: false)

--- The policy that molbuild ships: `local ensure = molbuild.load "ensure.lua"`.
---@class ensure
---@field branch string  the branch whose commit is built (default: main)
---@field repo_prefix string  the URL of a template repository without the runtime's name at its end; https, http, ssh, git or
---  file. Credentials in it are removed and used, with a warning (default:
---  https://git.moleculesai.app/molecule-ai/molecule-ai-workspace-template-; variable: MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX)
---@field repo_url string?  the whole URL of a template repository, instead of the prefix and the name
---@field head_lookup "gitea"|"git"  how the commit is looked up: by Gitea's API, or by git (always for ssh, git and file)
---  (default: gitea; variable: MOLECULE_HEAD_LOOKUP)
---@field head_timeout number  the longest time of the lookup, in seconds; 0: no bound (default: 30)
---@field head_max_age number  the longest time for which the commit that was looked up is used again without a question, in
---  seconds, at most a day; 0: every run looks it up (default: 0; variable: MOLECULE_HEAD_MAX_AGE_S)
---@field credential_helper "0"|"1"  1: without a token, ask git's credential helpers, which must not prompt (default: 0;
---  variable: MOLECULE_GITEA_CREDENTIAL_HELPER)
---@field image_prefix string  the beginning of the names of built images (default: molecule-local)
---@field registry string?  registry mode: nothing is built; the result is this registry's image (variable:
---  MOLECULE_IMAGE_REGISTRY)
---@field image_pull "never"|"missing"|"always"  what registry mode pulls: missing, images that do not exist locally; always,
---  also images whose tag may have moved (default: never; variable: MOLECULE_IMAGE_PULL)
---@field platform string  the platform of the images, such as linux/arm64; native: the engine's own (default: linux/amd64;
---  variable: MOLECULE_IMAGE_PLATFORM)
---@field tag_arch "auto"|"always"  which tags end in -ARCH: auto, those of native and of platforms other than linux/amd64;
---  always, all (default: auto; variable: MOLECULE_IMAGE_TAG_ARCH)
---@field isolation string?  a text at the end of all tags, as --TEXT, so that two callers on one engine do not share images
---  (variable: MOLECULE_LOCAL_IMAGE_ISOLATION)
---@field build_args table<string, string>  build arguments
---@field secrets table<string, molbuild.BuildSecret>  secrets for RUN --mount=type=secret, by id: { pip = { env = "PIP_TOKEN" }
---  }, or { file = "/path" }
---@field ssh (string|string[])?  keys for RUN --mount=type=ssh: "default", the agent, or "default=/path", a key or a socket; or
---  a list
---@field memory (string|integer)?  the most memory of a RUN, such as 2g, in powers of 1024
---@field cpus (string|number)?  the most processors of a RUN, such as 1.5
---@field network ("default"|"none"|"host")?  the network of the RUNs: default, none or host
---@field target string?  the stage of the Dockerfile that is built; when not set, the last one
---@field labels table<string, string>  labels of the image, which override those of the policy
---@field stall number  the longest silence of a clone or a build, in seconds; 0: no bound (default: 240; variable:
---  MOLECULE_BUILD_STALL_GRACE_S)
---@field ceiling number  the longest time of a clone or a build, in seconds; 0: no bound (default: 720; variable:
---  MOLECULE_BUILD_CEILING_S)
---@field max_files number  the most files and directories of a template; 0: no bound (default: 20000; variable:
---  MOLECULE_TEMPLATE_MAX_FILES)
---@field max_bytes number  the largest size of a template, in bytes; 0: no bound (default: 2147483648; variable:
---  MOLECULE_TEMPLATE_MAX_BYTES)
---@field cache string  the directory of trees, logs and locks (default: molecule/workspace-template-build in the user's cache
---  directory; variable: MOLECULE_LOCAL_BUILD_CACHE)
---@field manifest string?  a file that names the commit of each runtime, by `molbuild pin` or a manifest of templates: no branch
---  is looked up (variable: MOLECULE_MANIFEST)
---@field offline "0"|"1"  1: nothing is contacted but the engine; the result is the newest image on this machine, or the
---  manifest's (default: 0; variable: MOLECULE_OFFLINE)
---@field image_max_age number  an image that is older, in seconds, is built again from base images that are fetched again; 0: no
---  bound (default: 0; variable: MOLECULE_IMAGE_MAX_AGE_S)
---@field failed_retry number  how long, in seconds, a build that failed because of its commit is not tried again; 0: the next
---  run tries it (default: 0; variable: MOLECULE_FAILED_RETRY_S)
---@field stale number  how many seconds ago the last good image may have been current: it is then the result of a run that lacks
---  the new one, which is built behind that result; 0: a run waits (default: 0; variable: MOLECULE_SERVE_STALE_S)
---@field image_cache string?  shared images: a registry, such as registry.example/team, from which a missing image is pulled,
---  and compared (variable: MOLECULE_IMAGE_CACHE)
---@field image_cache_timeout number  the longest time until that registry begins to give an image, in seconds; then the image is
---  built; 0: no bound (default: 10; variable: MOLECULE_IMAGE_CACHE_TIMEOUT_S)
---@field image_cache_required "0"|"1"  1: an image that the registry does not give is an error, and is not built (default: 0;
---  variable: MOLECULE_IMAGE_CACHE_REQUIRED)
---@field image_cache_push "0"|"1"|"required"  1: push images that were built here to the registry, behind the result; required:
---  before it, and a failure is an error (default: 0; variable: MOLECULE_IMAGE_CACHE_PUSH)
---@field buildx_builder string?  the name of a builder of docker buildx's, on another machine for example: it builds, and the
---  engine gets the image (variable: MOLECULE_BUILDER)
---@field build_cache_from string?  where BuildKit takes layers from: type=registry,ref=..., or an image; several with spaces
---  between them (variable: MOLECULE_BUILD_CACHE_FROM)
---@field build_cache_to string?  where BuildKit puts layers: inline (in the image), or type=registry,ref=...; several with
---  spaces between them (variable: MOLECULE_BUILD_CACHE_TO)
---@field signing_key string?  a key of OpenSSH's that signs the record of each image built here; of a public key, an agent has
---  the private half (variable: MOLECULE_SIGNING_KEY)
---@field attest_signers string?  the keys whose signatures of records count, as a list of ssh-keygen's allowed signers; when not
---  set, the signing key alone (variable: MOLECULE_ATTEST_SIGNERS)
---@field attested "0"|"1"  1: an image is used only if its record is that of this very image, and is signed by such a key
---  (default: 0; variable: MOLECULE_ATTESTED)
---@field allowed_signers string?  who may sign: a file in the format of OpenSSH's allowed signers, with OpenPGP keys as armored
---  blocks, or a keyring of gpg's. Only a commit with a good signature by one of them is built, or has an image that is used
---  (variable: MOLECULE_ALLOWED_SIGNERS)
---@field revoked_signers string?  whose keys are revoked, whatever the time of a commit is: a key revocation list of OpenSSH, or
---  a public key or a fingerprint per line (variable: MOLECULE_REVOKED_SIGNERS)
---@field signers_mode "enforce"|"warn"  what happens to another commit: enforce, it is an error; warn, it is reported only
---  (default: enforce; variable: MOLECULE_SIGNERS_MODE)
---@field smoke (table|false)?  runs each image once before it gets its tag, apart from everything: { argv = { program, ... },
---  timeout = 60 (seconds), memory = "512m", tmp = "64m", pids = 256 }
---@field fall_back boolean  true: when the commit's image is refused by verify, or its signature is, the last good image is
---  used, with a warning (default: false)
---@field keep_trees number  how many trees and logs of each runtime are kept (default: 3)
---@field api integer
---@field inputs table<string, string>  files of a template that become build arguments
---@field per_runtime table<string, ensure.PerRuntime>  settings of single runtimes: { hermes = { branch = "next", ceiling = 1800
---  } }
---@field runtimes string[]
---@field settings molbuild.Setting[]
---@field verbs table<string, string>
---@field words table
---@field doctor_checks table?  a list of checks for the verb doctor: functions, or { name, function }
---@field finally (fun(job: job, outcome: string, failure: molbuild.Error?))?  called after each runtime, whatever happened:
---  finally(job, outcome, failure)
---@field step fun(job: job, name: string, fn: (fun(job: job): ...)): ...  run a step of a fork's own, with its name in events
---  and in what is shown
---@field extend fun(fields: table)  declare fields of a fork's own
local ensure = {}

--- The runtimes that the command line names, and the options of run.
---@param args string[]
---@return string[]
function ensure.names(args) end

--- The options of each verb.
---@return table<string, molbuild.Argument[]>
function ensure.arguments() end

--- Everything that the steps need for one runtime: its settings, and values derived from them.
---@param runtime string
---@return job
function ensure.job(runtime) end

--- In registry mode nothing is built: the registry's image is the result.
---@param job job
---@return string
function ensure.registry_image(job) end

--- Pulls that image if it is missing or, if so configured, if its tag may have moved.
---@param job job
function ensure.pull(job) end

--- Checks that the programs docker and git exist.
---@param job job
function ensure.preflight(job) end

--- The commit that the branch points at. Fails closed: there is no fallback.
---@param job job
---@return string
function ensure.head(job) end

--- The engine's own platform, for images that must have it. The engine may run on another machine.
---@param job job
---@return string
function ensure.engine_platform(job) end

--- The image's name.
---@param job job
---@return string
function ensure.tag(job) end

--- The name that moves with the branch. Each platform has its own, so that none replaces another's.
---@param job job
---@return string
function ensure.latest(job) end

--- Whether the engine has the tag, and the image matches. An unusable answer counts as no.
---@param job job
---@return boolean
function ensure.cached(job) end

--- The verdict that an image must have before it is given out: none, unless there is a `smoke`, or a verify of a fork's own.
---@param job job
---@return table?
function ensure.demands(job) end

--- Points `:latest` at this image, unless it does so already. Best effort.
---@param job job
function ensure.alias(job) end

--- One runtime, from its name to its tag.
---@param job job
---@return string
function ensure.image(job) end

--- Whether the step cached finds the image, and it is verified. The shipped cached has asked the engine itself.
---@param job job
---@param step fun(name: string): any
---@return boolean
function ensure.found(job, step) end

--- A verb: make sure that images exist, and print their tags.
---@param args string[]
---@return string ...
function ensure.run(args) end

--- The key of a build, for callers that keep builds elsewhere: 16 hex digits.
---@param runtime string
---@param sha string
---@param prefix string
---@return string
function ensure.cache_key(runtime, sha, prefix) end

--- One lock per runtime, between processes.
---@param job job
---@return molbuild.core.Lock
function ensure.lock(job) end

--- Takes the image from the registry that hosts share images through, if it has the very one.
---@param job job
---@return boolean
function ensure.shared(job) end

--- The tree of exactly this commit, in job.dir. False when the branch has moved on and the commit is not available.
---@param job job
---@return boolean
function ensure.clone(job) end

--- Checks the files that the building program reads; sets `job.inputs`.
---@param job job
function ensure.check(job) end

--- Builds the image under the name `job.unverified`; sets `job.image_id`.
---@param job job
function ensure.build(job) end

--- Whether the image that was built may have its tag: with `smoke`, it must run once.
---@param job job
---@return boolean?
function ensure.verify(job) end

--- Asks the engine whether a step was right: after a success without an image the tag would name nothing.
---@param job job
---@param name string
function ensure.prove(job, name) end

--- Reports what is built from which commit, and why, and warns if the build will be slow.
---@param job job
function ensure.announce(job) end

--- The steps of a miss. With `fall_back`, a refused image is no failure while there is an older one.
---@param job job
---@param step fun(name: string): any
---@return boolean
function ensure.make(job, step) end

--- A verb: check what is proven about the images that are there.
---@param args string[]
---@return molbuild.Rows
function ensure.attest(args) end

--- A verb: check everything that a run depends on.
---@param args string[]
---@return molbuild.Rows
function ensure.doctor(args) end

--- A verb: remove what nothing needs any more.
---@param args string[]
---@return molbuild.Rows
function ensure.gc(args) end

--- A verb: say what is on this machine.
---@param args string[]
---@return molbuild.Rows
function ensure.list(args) end

--- A verb: write the commits of now into a file, for MOLECULE_MANIFEST.
---@param args string[]
---@return molbuild.Rows
function ensure.pin(args) end

--- A verb: say what run would do, and why.
---@param args string[]
---@return molbuild.Rows
function ensure.plan(args) end

--- A verb: keep images fresh, until a signal ends it.
---@param args string[]
---@return molbuild.Rows
function ensure.watch(args) end

return ensure
