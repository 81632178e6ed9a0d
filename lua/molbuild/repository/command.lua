--- git, run so that neither the user's environment nor the repository decides what happens on this machine.
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local auth = require "molbuild.repository.auth"
local bounds = require "molbuild.repository.bounds"
local report = require "molbuild.repository.report"
local headers = require "molbuild.repository.headers"
local ssh = require "molbuild.repository.ssh"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"

local command = {
  --- For what needs no repository: git would look for one from the current directory upwards, and take its configuration.
  NO_REPOSITORY = "--git-dir=/dev/null",
}

-- What would make git look at another repository, run something, or write down what it sends.
local UNSET = {
  "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES",
  "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
  "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_PREFIX", "GIT_IMPLICIT_WORK_TREE", "GIT_QUARANTINE_PATH",
  "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*",
  "GIT_ASKPASS", "SSH_ASKPASS", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR",
  "GIT_TRACE*", "GIT_CURL_VERBOSE", "GIT_PROTOCOL", "GIT_DEFAULT_HASH", "GIT_ATTR_SOURCE",
}

local SETTINGS = {
  "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.askPass=",
  "core.autocrlf=false", "core.eol=lf", "submodule.recurse=false", "transfer.bundleURI=false",
  "fetch.recurseSubmodules=false", "gc.auto=0", "maintenance.auto=false", "protocol.version=2",
  "advice.detachedHead=false", "core.protectHFS=true", "core.protectNTFS=true", "core.symlinks=true",
  "core.sparseCheckout=false", "core.bigFileThreshold=512m", "core.quotePath=false",
  -- Few objects would be unpacked one by one, and nothing said while a large one arrives: a slow fetch looks dead, and how
  -- much has come is not told. With it each fetch leaves one pack, and a repository that is kept holds nothing but packs.
  "fetch.unpackLimit=1",
}

--- The umask that a commit's files are made with, whatever the caller's is.
local UMASK = 18 -- octal 022

--- The environment for a command that talks to URL, when one is given; auth adds the token.
local function environment(url, options, settings)
  local scheme = url and names.scheme(url) or "none"
  local env = {
    LC_ALL = "C",
    GIT_TERMINAL_PROMPT = "0",
    GIT_ATTR_NOSYSTEM = "1",
    GIT_LFS_SKIP_SMUDGE = "1",
    GIT_OPTIONAL_LOCKS = "0",
    -- Off, also where the user's configuration turns them on: they can be told to write down what git is given.
    GIT_TRACE2 = "0", GIT_TRACE2_EVENT = "0", GIT_TRACE2_PERF = "0",
    GIT_ALLOC_LIMIT = bounds.ALLOCATION,
    -- Nothing else, but for the redirect that servers give who asks in clear text.
    GIT_ALLOW_PROTOCOL = scheme == "http" and "http:https" or scheme,
  }
  local certificates = core.sys.getenv "SSL_CERT_FILE"
  if certificates and certificates ~= "" and not core.sys.getenv "GIT_SSL_CAINFO" then
    env.GIT_SSL_CAINFO = certificates
  end
  if scheme == "ssh" then
    ssh.add(env, settings)
  end
  auth.add(env, url, options, settings.headers)
  return env
end

--- git's arguments, behind the settings that overrule the user's.
local function arguments_of(arguments, url, options)
  local argv = { "git" }
  local resolved = url and network.resolved(url)
  -- git 2.37 and newer: it would wait for a dead address for minutes, and tell nobody.
  local addresses = resolved and { "http.curloptResolve=" .. resolved } or {}
  for _, settings in ipairs { SETTINGS, addresses, auth.settings(url, options) } do
    for _, setting in ipairs(settings) do
      table.insert(argv, "-c")
      table.insert(argv, setting)
    end
  end
  return table.move(arguments, 1, #arguments, #argv + 1, argv)
end

local ask_settings, ask_headers

local function run_once(arguments, url, options, more)
  local settings = ssh.settings(url and names.scheme(url) or "none", ask_settings)
  if auth.takes_token(url, options) then
    settings = { headers = headers.of(ask_headers(), url) }
  end
  -- ssh is let out of this bound by ssh; a proxy cannot be.
  local bound = url and not ssh.has_proxy(settings) and more and more.max_memory or nil
  local result = child.run {
    argv = arguments_of(arguments, url, options),
    env = environment(url, options, settings),
    unset = auth.unset(UNSET, url, options),
    timeout = options.timeout,
    stall = options.stall,
    keep = options.keep,
    max_memory = bound,
    umask = UMASK,
    capture = more and more.capture,
    on_line = more and more.on_line,
    silent = more and more.silent,
    input = more and more.input,
  }
  result.memory_bound = bound
  return result
end

--- Where repositories were found within their origin, by the URL in use: a redirect is looked for once.
local located = {}

local MAX_REDIRECTS = 5

--- Run git. With a token, redirects within the origin are followed here: git would take the token along wherever one leads.
---@param arguments string[]
---@param url string?  given when git talks to a remote; stands in ARGUMENTS then
---@param options { token: string?, user: string?, helpers: boolean?, timeout: number?, stall: number?, keep: table? }
---@param more { capture: integer?, max_memory: integer?, on_line: function?, silent: boolean?, input: string? }?  max_memory:
---  bytes that git may take for what the remote sends
---@return table result  as of child.run, with `memory_bound`: the bytes that it could take
---@raise timeout | missing_tool | cancelled | failed
function command.run(arguments, url, options, more)
  local at, redirects = located[url or ""] or url, 0
  while true do
    local words = {}
    for index, word in ipairs(arguments) do
      words[index] = word == url and at or word
    end
    local result = run_once(words, at, options, more)
    local target = url and result.code ~= 0 and auth.location(at, result.tail, options)
    redirects = redirects + 1
    if not target or redirects > MAX_REDIRECTS then
      return result
    end
    at, located[url] = target, target
  end
end

-- What git config prints for a question; nothing where it finds nothing.
local function ask(question)
  local arguments = table.move(question, 1, #question, 2, { command.NO_REPOSITORY })
  local result = command.run(arguments, nil, { timeout = 60 }, { capture = 1 << 20, silent = true })
  return result.code == 1 and "" or report.expect(result, "git config").stdout
end

function ask_settings()
  return ask(ssh.QUESTION)
end

local known_headers

function ask_headers()
  known_headers = known_headers or ask(headers.QUESTION)
  return known_headers
end

return command
