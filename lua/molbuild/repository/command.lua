--- Runs git so that neither the user's environment nor the repository decides what happens on this machine.
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
  --- For commands that need no repository: git would search one from the current directory upwards, and read its configuration.
  NO_REPOSITORY = "--git-dir=/dev/null",
}

--- Variables that would make git use another repository, run programs, or log what it sends. No command gets them.
command.UNSET = {
  "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES",
  "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE",
  "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_PREFIX", "GIT_IMPLICIT_WORK_TREE", "GIT_QUARANTINE_PATH",
  "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*",
  "GIT_ASKPASS", "SSH_ASKPASS", "GIT_TEMPLATE_DIR", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR",
  "GIT_TRACE*", "GIT_CURL_VERBOSE", "GIT_PROTOCOL", "GIT_DEFAULT_HASH", "GIT_ATTR_SOURCE",
}

--- What overrides the user's settings in every command.
command.SETTINGS = {
  "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null", "core.askPass=",
  "core.autocrlf=false", "core.eol=lf", "submodule.recurse=false", "transfer.bundleURI=false",
  "fetch.recurseSubmodules=false", "gc.auto=0", "maintenance.auto=false", "protocol.version=2",
  "advice.detachedHead=false", "core.protectHFS=true", "core.protectNTFS=true", "core.symlinks=true",
  "core.sparseCheckout=false", "core.useReplaceRefs=false", "core.bigFileThreshold=512m", "core.quotePath=false",
  -- Otherwise git would unpack small packs object by object, and print nothing while a large object arrives: a slow fetch
  -- would look stalled, and its size would be unknown. With it each fetch leaves one pack, and a kept repository holds only packs.
  "fetch.unpackLimit=1",
}

--- git's own variables for certificates. Without them git uses the system's store: that of its libcurl, or of the user's
--- configuration, which a variable would override.
local CERTIFICATES = { SSL_CERT_FILE = "GIT_SSL_CAINFO", SSL_CERT_DIR = "GIT_SSL_CAPATH" }

--- The umask for a commit's files, whatever the caller's umask is.
local UMASK = 18 -- octal 022

--- The environment for a command that talks to URL, if there is one; auth adds the token.
local function environment(url, options, settings)
  local scheme = url and names.scheme(url) or "none"
  local env = {
    LC_ALL = "C",
    GIT_TERMINAL_PROMPT = "0",
    GIT_ATTR_NOSYSTEM = "1",
    GIT_LFS_SKIP_SMUDGE = "1",
    GIT_OPTIONAL_LOCKS = "0",
    -- Off even if the user's configuration enables them: they can log what git sends.
    GIT_TRACE2 = "0", GIT_TRACE2_EVENT = "0", GIT_TRACE2_PERF = "0",
    GIT_ALLOC_LIMIT = bounds.ALLOCATION,
    -- Only the URL's scheme; https too for http, since servers redirect plain http to https.
    GIT_ALLOW_PROTOCOL = scheme == "http" and "http:https" or scheme,
  }
  for name, own in pairs(CERTIFICATES) do
    local path = core.sys.getenv(name)
    if path and path ~= "" and not core.sys.getenv(own) then
      env[own] = path
    end
  end
  if scheme == "ssh" then
    ssh.add(env, settings)
  end
  auth.add(env, url, options, settings.headers)
  return env
end

--- git's arguments, after the settings that override the user's.
local function arguments_of(arguments, url, options)
  local argv = { "git" }
  local resolved = url and network.resolved(url)
  -- git 2.37 and newer: git would otherwise wait for a dead address for minutes, without a message.
  local addresses = resolved and { "http.curloptResolve=" .. resolved } or {}
  for _, settings in ipairs { command.SETTINGS, addresses, auth.settings(url, options) } do
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
  -- ssh.lua lifts this bound for ssh; a proxy keeps it.
  local bound = url and not ssh.has_proxy(settings) and more and more.max_memory or nil
  local result = child.run {
    argv = arguments_of(arguments, url, options),
    env = environment(url, options, settings),
    unset = auth.unset(command.UNSET, url, options),
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

--- The new URLs of repositories within their origin, by the requested URL: a redirect is resolved once.
local located = {}

local MAX_REDIRECTS = 5

--- Run git. With a token, redirects within the origin are followed here: git would send the token to any target.
---@param arguments string[]
---@param url string?  given when git talks to a remote; it must be part of ARGUMENTS
---@param options { token: molbuild.Credential?, helpers: boolean?, timeout: number?, stall: number?, keep: table? }
---@param more { capture: integer?, max_memory: integer?, on_line: function?, silent: boolean?, input: string? }?  max_memory:
---  bytes of memory for git, for data from the remote
---@return table result  as of child.run, with `memory_bound`: that bound
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

--- The output of a command that needs no repository, such as of git config; empty when nothing matches.
---@param question string[]
---@return string
---@raise timeout | missing_tool | cancelled | failed | remote
function command.ask(question)
  local arguments = table.move(question, 1, #question, 2, { command.NO_REPOSITORY })
  local result = command.run(arguments, nil, { timeout = 60 }, { capture = 1 << 20, silent = true })
  return result.code == 1 and "" or report.expect(result, "git config").stdout
end

function ask_settings()
  return command.ask(ssh.QUESTION)
end

local known_headers

function ask_headers()
  known_headers = known_headers or command.ask(headers.QUESTION)
  return known_headers
end

return command
