--- The settings of ensure.lua, one row each: name, default, type, meaning. A setting is a field of the policy, which a fork
--- sets. With `per_runtime` it can differ between runtimes. `variable` overrides both. An empty variable counts as not set.
--- `bound` is the option of the library that the setting bounds: an error about it names the variable.
--- `molbuild settings ensure.lua` prints the values; `make docs` writes the tables of docs/settings.md and the manual.
local settings = {
  { "branch", "main", "branch", "the branch whose commit is built", per_runtime = true, replaces = "branches" },
  { "repo_prefix", "https://git.moleculesai.app/molecule-ai/molecule-ai-workspace-template-", "text",
    "the URL of a template repository without the runtime's name at its end; https, http, ssh, git or file. Credentials in "
      .. "it are removed and used, with a warning",
    variable = "MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX" },
  { "repo_url", nil, "text", "the whole URL of a template repository, instead of the prefix and the name", per_runtime = true },
  { "head_lookup", "gitea", "choice", "how the commit is looked up: by Gitea's API, or by git (always for ssh, git and file)",
    choices = { "gitea", "git" }, variable = "MOLECULE_HEAD_LOOKUP", per_runtime = true },
  { "head_timeout", 30, "seconds", "the longest time of the lookup, in seconds; 0: no bound", zero = math.huge },
  { "head_max_age", 0, "seconds",
    "the longest time for which the commit that was looked up is used again without a question, in seconds, at most a day; "
      .. "0: every run looks it up",
    variable = "MOLECULE_HEAD_MAX_AGE_S", max = 24 * 3600, per_runtime = true },
  { "token", nil, "secret", "the forge's token, for private repositories; sent only to the origin of the prefix",
    variable = "MOLECULE_GITEA_TOKEN" },
  { "token_file", nil, "secret", "a file, or a pipe, that holds the token; a warning names one that other users can read",
    per_runtime = true, variable = "MOLECULE_GITEA_TOKEN_FILE" },
  { "token_env", nil, "secret", "the variable that holds the token for a runtime whose repository has a token of its own",
    per_runtime = "only" },
  { "token_user", nil, "secret", "the user name that git sends with the token; when not set, the helper's, or oauth2",
    variable = "MOLECULE_GITEA_USER" },
  { "credential_helper", "0", "switch", "1: without a token, ask git's credential helpers, which must not prompt",
    variable = "MOLECULE_GITEA_CREDENTIAL_HELPER" },
  { "image_prefix", "molecule-local", "prefix", "the beginning of the names of built images" },
  { "registry", nil, "prefix", "registry mode: nothing is built; the result is this registry's image",
    variable = "MOLECULE_IMAGE_REGISTRY" },
  { "image_pull", "never", "choice",
    "what registry mode pulls: missing, images that do not exist locally; always, also images whose tag may have moved",
    choices = { "never", "missing", "always" }, variable = "MOLECULE_IMAGE_PULL" },
  { "platform", "linux/amd64", "platform",
    "the platform of the images, such as linux/arm64; native: the engine's own",
    variable = "MOLECULE_IMAGE_PLATFORM", per_runtime = true },
  { "tag_arch", "auto", "choice",
    "which tags end in -ARCH: auto, those of native and of platforms other than linux/amd64; always, all",
    choices = { "auto", "always" }, variable = "MOLECULE_IMAGE_TAG_ARCH" },
  { "isolation", nil, "ending", "a text at the end of all tags, as --TEXT, so that two callers on one engine do not share images",
    variable = "MOLECULE_LOCAL_IMAGE_ISOLATION" },
  { "needs", {}, "list", "runtimes whose images this one is built from: they are ensured first", per_runtime = "only" },
  { "build_args", {}, "map", "build arguments", per_runtime = true },
  { "secrets", {}, "secrets",
    'secrets for RUN --mount=type=secret, by id: { pip = { env = "PIP_TOKEN" } }, or { file = "/path" }', per_runtime = true },
  { "ssh", nil, "ssh", 'keys for RUN --mount=type=ssh: "default", the agent, or "default=/path", a key or a socket; or a list',
    per_runtime = true },
  { "memory", nil, "memory", "the most memory of a RUN, such as 2g, in powers of 1024", per_runtime = true },
  { "cpus", nil, "cpus", "the most processors of a RUN, such as 1.5", per_runtime = true },
  { "network", nil, "network", "the network of the RUNs: default, none or host", per_runtime = true },
  { "target", nil, "stage", "the stage of the Dockerfile that is built; when not set, the last one", per_runtime = true },
  { "labels", {}, "map", "labels of the image, which override those of the policy", per_runtime = true },
  { "stall", 240, "seconds", "the longest silence of a clone or a build, in seconds; 0: no bound",
    variable = "MOLECULE_BUILD_STALL_GRACE_S", bound = "stall", zero = math.huge, per_runtime = true },
  { "ceiling", 720, "seconds", "the longest time of a clone or a build, in seconds; 0: no bound",
    variable = "MOLECULE_BUILD_CEILING_S", bound = "timeout", zero = math.huge, per_runtime = true },
  { "max_files", 20000, "count", "the most files and directories of a template; 0: no bound",
    variable = "MOLECULE_TEMPLATE_MAX_FILES", bound = "files", zero = math.huge },
  { "max_bytes", 2 * 1024 ^ 3, "bytes", "the largest size of a template, in bytes; 0: no bound",
    variable = "MOLECULE_TEMPLATE_MAX_BYTES", bound = "bytes", zero = math.huge },
  { "cache", molbuild.env.cache_dir() .. "/molecule/workspace-template-build", "directory",
    "the directory of trees, logs and locks", variable = "MOLECULE_LOCAL_BUILD_CACHE",
    shown_default = "molecule/workspace-template-build in the user's cache directory" },
  { "manifest", nil, "file",
    "a file that names the commit of each runtime, by `molbuild pin` or a manifest of templates: no branch is looked up",
    variable = "MOLECULE_MANIFEST" },
  { "offline", "0", "flag",
    "1: nothing is contacted but the engine; the result is the newest image on this machine, or the manifest's",
    variable = "MOLECULE_OFFLINE" },
  { "image_max_age", 0, "seconds",
    "an image that is older, in seconds, is built again from base images that are fetched again; 0: no bound",
    variable = "MOLECULE_IMAGE_MAX_AGE_S", zero = math.huge, per_runtime = true },
  { "failed_retry", 0, "seconds",
    "how long, in seconds, a build that failed because of its commit is not tried again; 0: the next run tries it",
    variable = "MOLECULE_FAILED_RETRY_S" },
  { "stale", 0, "seconds",
    "how many seconds ago the last good image may have been current: it is then the result of a run that lacks the new one, "
      .. "which is built behind that result; 0: a run waits",
    variable = "MOLECULE_SERVE_STALE_S", per_runtime = true },
  { "image_cache", nil, "prefix",
    "shared images: a registry, such as registry.example/team, from which a missing image is pulled, and compared",
    variable = "MOLECULE_IMAGE_CACHE" },
  { "image_cache_timeout", 10, "seconds",
    "the longest time until that registry begins to give an image, in seconds; then the image is built; 0: no bound",
    variable = "MOLECULE_IMAGE_CACHE_TIMEOUT_S", zero = math.huge },
  { "image_cache_required", "0", "switch", "1: an image that the registry does not give is an error, and is not built",
    variable = "MOLECULE_IMAGE_CACHE_REQUIRED" },
  { "image_cache_push", "0", "choice",
    "1: push images that were built here to the registry, behind the result; required: before it, and a failure is an error",
    choices = { "0", "1", "required" }, variable = "MOLECULE_IMAGE_CACHE_PUSH" },
  { "buildx_builder", nil, "text",
    "the name of a builder of docker buildx's, on another machine for example: it builds, and the engine gets the image",
    variable = "MOLECULE_BUILDER", per_runtime = true },
  { "build_cache_from", nil, "text",
    "where BuildKit takes layers from: type=registry,ref=..., or an image; several with spaces between them",
    variable = "MOLECULE_BUILD_CACHE_FROM", per_runtime = true },
  { "build_cache_to", nil, "text",
    "where BuildKit puts layers: inline (in the image), or type=registry,ref=...; several with spaces between them",
    variable = "MOLECULE_BUILD_CACHE_TO", per_runtime = true },
  { "signing_key", nil, "file",
    "a key of OpenSSH's that signs the record of each image built here; of a public key, an agent has the private half",
    variable = "MOLECULE_SIGNING_KEY" },
  { "attest_signers", nil, "file",
    "the keys whose signatures of records count, as a list of ssh-keygen's allowed signers; when not set, the signing key alone",
    variable = "MOLECULE_ATTEST_SIGNERS" },
  { "attested", "0", "flag", "1: an image is used only if its record is that of this very image, and is signed by such a key",
    variable = "MOLECULE_ATTESTED" },
  { "allowed_signers", nil, "file",
    "who may sign: a file in the format of OpenSSH's allowed signers, with OpenPGP keys as armored blocks, or a keyring of gpg's. "
      .. "Only a commit with a good signature by one of them is built, or has an image that is used",
    variable = "MOLECULE_ALLOWED_SIGNERS", per_runtime = true },
  { "revoked_signers", nil, "file",
    "whose keys are revoked, whatever the time of a commit is: a key revocation list of OpenSSH, or a public key or a fingerprint "
      .. "per line",
    variable = "MOLECULE_REVOKED_SIGNERS", per_runtime = true },
  { "signers_mode", "enforce", "choice",
    "what happens to another commit: enforce, it is an error; warn, it is reported only", choices = { "enforce", "warn" },
    variable = "MOLECULE_SIGNERS_MODE", per_runtime = true },
  { "smoke", nil, "options",
    "runs each image once before it gets its tag, apart from everything: { argv = { program, ... }, timeout = 60 (seconds), "
      .. 'memory = "512m", tmp = "64m", pids = 256 }',
    per_runtime = true,
    fields = {
      { "argv", "words", required = true }, { "timeout", "seconds", 60 }, { "memory", "size", "512m" }, { "tmp", "size", "64m" },
      { "pids", "count", 256 },
    } },
  { "fall_back", false, "boolean",
    "true: when the commit's image is refused by verify, or its signature is, the last good image is used, with a warning",
    per_runtime = true },
  { "keep_trees", 3, "count", "how many trees and logs of each runtime are kept", min = 1 },
}

--- The fields of a job other than its settings: name, type, meaning. Most of them are set by steps, and nil until then. A
--- fork's own fields need no row.
settings.job = {
  { "runtime", "string", "the runtime's name" },
  { "engine", "Docker", "the container engine" },
  { "image", "string", "the image's name without a tag" },
  { "lookup", "string", "how the commit is looked up: gitea or git" },
  { "token", "Credential?", "the token for the repository, bound to its origin" },
  { "variables", "table<string, string>", "by setting: the variable that overrides it" },
  { "bounds", "table<string, string>", "by bound: the name that errors use for it" },
  { "target_platform", "string", "the platform of the image, never native" },
  { "alias", "string", "the name that moves with the branch" },
  { "sha", "string", "the commit" },
  { "tag", "string", "the image's name with its tag" },
  { "unverified", "string", "the name under which the image is built and verified" },
  { "verified", "table?", "what the step verify found: by, sha256, seconds" },
  { "unproven", "string?", "why the image that was found must be verified" },
  { "image_id", "string?", "the image's id in the engine" },
  { "reason", "string?", "why the image is built, or how old it is, in one line" },
  { "rebuild", "boolean?", "build although the image is there" },
  { "no_cache", "boolean?", "build without the layers of former builds" },
  { "pull_base", "boolean?", "fetch the base images again" },
  { "commit", "string?", "the commit that was asked for: it is not looked up" },
  { "working_tree", "string?", "the directory that is built instead of a commit" },
  { "allow_detached", "boolean?", "build a commit that was asked for also when it is not on the branch" },
  { "pinned", "string?", "the file that named the commit" },
  { "offline_age", "number?", "offline: the age of the image in seconds" },
  { "wanted", "string?", "of an older image: the commit that was wanted" },
  { "behind_s", "number?", "of an older image: how many seconds ago it was current" },
  { "building", "table?", "of an older image: what builds the new one: pid, host, seconds, step" },
  { "is_base", "boolean?", "another job of this run is built from its image" },
  { "keeps_latest", "boolean?", "leave the name that moves with the branch as it is" },
  { "looks_afresh", "boolean?", "look the commit up now, for this run and for others" },
  { "head_age", "number?", "how many seconds ago the commit was looked up, when it was not looked up now" },
  { "wrong", "string?", "why the image under the tag does not match" },
  { "outcome", "string", "the result's kind: hit, built, pulled, registry, stale" },
  { "held", "Lock?", "the lock, while the image is built" },
  { "dir", "string", "the tree that is built" },
  { "log_file", "string", "the log of the build" },
  { "signer", "table?", "who signed the commit, when that is checked: principal, fingerprint, kind" },
  { "inputs", "table<string, string>?", "the contents of the template's declared inputs" },
  { "bases", "table[]?", "the images that the build began with: name, digest, id" },
  { "builder", "string?", "the builder that the engine's program uses: buildkit or classic" },
  { "builder_advice", "string?", "the advice to log about that builder" },
  { "steps", "table<string, number>", "by step: the seconds that it took" },
  { "skipped", "boolean?", "whether the job was skipped" },
  { "needed", "table<string, table>?", "by runtime: the jobs of the images that this one needs" },
}

--- What the functions of the policy must give; those that are not here may give anything. See expect.lua.
settings.gives = {
  names = "names", job = "job", registry_image = "name", engine_platform = "text", head = "commit", tag = "reference",
  verify = "verdict", latest = "reference", cached = "boolean", lock = "lock", clone = "boolean", shared = "boolean",
  image = "text",
}

--- Files of the policy that are loaded when one of their functions is called: the file, then the functions. The digest of the
--- policy, as records have it, includes them.
settings.parts = {
  { "ensure-build.lua", "lock", "shared", "clone", "check", "build", "verify", "prove", "announce", "make" },
}

--- The version of the contract between a policy and the program that this policy is written for (docs/policy.md).
settings.api = 1

--- The verbs of the policy: functions that the command line can call, as in `molbuild run ensure.lua`.
settings.verbs = {
  run = "make sure that images exist, and print their tags",
  plan = "say what run would do, and why",
  attest = "check what is proven about the images that are there",
  pin = "write the commits of now into a file, for MOLECULE_MANIFEST",
  doctor = "check everything that a run depends on",
  list = "say what is on this machine",
  gc = "remove what nothing needs any more",
  watch = "keep images fresh, until a signal ends it",
}

--- What a fork may add: functions, and lists.
settings.hooks = {
  finally = "called after each runtime, whatever happened: finally(job, outcome, failure)",
  doctor_checks = "a list of checks for the verb doctor: functions, or { name, function }",
}

--- How a run is shown: what precedes each line, what the outcomes are called, the outcome that needs one line, and the steps that
--- take long.
settings.words = {
  prefix = "local-build",
  outcomes = { hit = "up to date", built = "built", pulled = "pulled", registry = "from the registry", stale = "an older image" },
  unchanged = "hit",
  slow = { "clone", "build" },
}

return settings
