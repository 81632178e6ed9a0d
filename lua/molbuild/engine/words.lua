--- The docker program's (or podman's) own error messages, as opposed to the output of a RUN that it passes on: why it
--- failed, and the hint for it. Only the last line that the program prints is parsed. Whether the engine can be reached is
--- never parsed from it: the engine is asked.
local child = require "molbuild.base.child"
local core = require "molbuild.core"

local words = {}

--- The line in which the program reports why it failed: its last one. Docker Desktop's program prints an address after
--- it. For a program that a signal ended: the signal.
---@param result table  of child.run
---@return string
function words.verdict(result)
  local lines = result.signal and {} or child.last_lines(result.tail, 10)
  for index = #lines, 1, -1 do
    if lines[index]:find "%S" and not lines[index]:find "^View build details: " then
      return lines[index]
    end
  end
  return child.last_words(result)
end

-- The end of the line when a RUN failed: of the classic builder, of BuildKit (two), of podman.
local STEP_FAILED = {
  "The command '.*' returned a non%-zero code: %d+$", "executor failed running %[.*%]: exit code: %d+$",
  "did not complete successfully: exit code: %d+$", "while running runtime: exit status %d+$",
}

--- Whether the build failed because of a program that a RUN started. The line then contains the RUN's command, and may
--- contain its last output: text of the template.
---@param verdict string
---@return boolean
function words.step_failed(verdict)
  for _, pattern in ipairs(STEP_FAILED) do
    if verdict:find(pattern) then
      return true
    end
  end
  return false
end

--- Whether a RUN failed because its program was killed, as for a lack of memory.
---@param verdict string
---@return boolean
function words.is_killed(verdict)
  return words.step_failed(verdict) and verdict:find "%f[%d]137$" ~= nil
end

-- The texts for a stage that the Dockerfile does not have: of the classic builder, BuildKit, podman.
local NO_STAGE = {
  "^.*failed to reach build target .* in Dockerfile", "^.*target stage .* could not be found",
  '^Error: The target ".*" was not found in the provided Dockerfile',
}

--- Whether the program does not find the stage to build.
---@param verdict string
---@return boolean
function words.no_stage(verdict)
  for _, pattern in ipairs(NO_STAGE) do
    if verdict:find(pattern) then return true end
  end
  return false
end

--- Causes that the program names, the more certain ones first.
local CAUSES = {
  { "disk", { ": no space left on device", ": disk quota exceeded" } },
  { "limit", { "toomanyrequests", "Too Many Requests", "pull rate limit" } },
  {
    "auth",
    {
      "pull access denied", "denied: ", "unauthorized", "authentication required", "no basic auth credentials",
      "access to the resource is denied", "invalid username/password", "401 Unauthorized", "403 Forbidden",
    },
  },
  { "trust", { "x509: ", "server gave HTTP response to HTTPS client", "tls: " } },
  {
    "unreachable",
    {
      "dial tcp", "no such host", "no route to host", "network is unreachable", "i/o timeout", "TLS handshake timeout",
      "Client.Timeout exceeded", "request canceled while waiting for connection", "server misbehaving",
      "name resolution", "proxyconnect tcp", "context deadline exceeded",
    },
  },
  {
    "missing",
    {
      "manifest unknown", "name unknown", "not found: manifest", "no matching manifest", "repository name not known",
      "no image found in", ": not found", "no match for platform",
    },
  },
  { "broken", { "unexpected EOF", "error reading from server: EOF", "connection reset by peer", "broken pipe" } },
}

-- What reports a file that a COPY names and the template does not have: of BuildKit (two), a quoted path that begins with a slash;
-- of podman, which names the template's directory before it.
local MISSING_FILES = { '"/[^"]*" not found: not found', '"/[^"]*": not found', "checking on sources under .*$" }

-- A line without these files. They are neither images that a registry does not have, nor directories of this machine, and their
-- names are text of the template.
local function without_files(verdict)
  for _, pattern in ipairs(MISSING_FILES) do verdict = verdict:gsub(pattern, "") end
  return verdict
end

--- The cause that the program names in its last line: disk, limit, auth, trust, unreachable, missing or broken; nil for
--- any other cause, and for a failed RUN.
---@param verdict string
---@return string?
function words.cause(verdict)
  if words.step_failed(verdict) then
    return nil
  end
  local said = without_files(verdict:gsub('STEP ".*": ', "")) -- podman quotes the step, which is text of the template
  said = said:gsub("permission denied", "") -- about a file; a registry's "denied" is another cause
  if said == "denied" then -- a push says no more
    return "auth"
  end
  for _, cause in ipairs(CAUSES) do
    for _, said_so in ipairs(cause[2]) do
      if said:find(said_so, 1, true) then
        return cause[1]
      end
    end
  end
  return nil
end

local PODMAN_DISK = "free space on the disk of podman's storage (podman system df, podman system prune)"

--- The hint for a cause.
---@param cause string?
---@param podman boolean
---@return string?
function words.hint(cause, podman)
  local login = (podman and "podman" or "docker") .. " login"
  local hints = {
    disk = podman and PODMAN_DISK
      or "free space on the engine's disk (docker system df shows its use): run docker builder prune and docker image prune",
    limit = ("the registry's pull limit is reached: log in (%s), wait, or use a mirror"):format(login),
    auth = ("check the image's name, and log in to its registry (%s)"):format(login),
    trust = "the engine does not trust the registry: install its certificate there, or configure it as an insecure registry",
    unreachable = "the engine cannot reach a registry: check the network, DNS and proxy of the engine, not of this shell",
    missing = "check the image's name, tag and platform",
    broken = "the connection to the engine broke: check that the engine still runs (docker version)",
  }
  return hints[cause]
end

--- Whether a line, or a RUN's last output before it, reports a program for another processor. In that case no program
--- could start and print a misleading text. So the RUN's output is trusted here: it is the kernel's message after a colon.
---@param tail string
---@param verdict string
---@return boolean
function words.is_alien(tail, verdict)
  for _, line in ipairs(words.step_failed(verdict) and child.last_lines(tail, 10) or {}) do
    if line:lower():find ": exec format error$" then
      return true
    end
  end
  return verdict:find(": exec format error", 1, true) ~= nil
end

local UNSEEN = { "not found", "no such file or directory", "permission denied", "must be a directory" }

--- Whether the program does not find an existing directory: a program from a snap or a flatpak sees only a part of the
--- file system.
---@param verdict string
---@param dir string
---@return boolean
function words.cannot_see(verdict, dir)
  local unseen, is_step = false, words.step_failed(verdict)
  verdict = without_files(verdict)
  for _, failure in ipairs(UNSEEN) do
    unseen = unseen or verdict:find(failure, 1, true) ~= nil
  end
  if not unseen or is_step or not core.fs.lstat(dir) then
    return false
  end
  for path in verdict:gmatch '/[^"\':%s]*' do
    if #path > 1 and ((path .. "/"):sub(1, #dir + 1) == dir .. "/" or (dir .. "/"):sub(1, #path + 1) == path .. "/") then
      return true
    end
  end
  return false
end

--- How many lines at the beginning are docker's advice about its builders.
local function advice_length(lines)
  local length = 0
  if lines[1] and lines[1]:find "^DEPRECATED: The legacy builder" then
    repeat
      length = length + 1
    until not lines[length + 1] or not lines[length + 1]:find "^%s"
  end
  return length
end

--- Output without docker's advice about its builders at the beginning: molbuild reports the builder itself.
---@param lines string[]
---@return string[]
function words.without_advice(lines)
  return table.move(lines, advice_length(lines) + 1, #lines, 1, {})
end

--- The message of a build that was stopped, if the last line that it quotes belongs to that advice: the build printed
--- nothing else.
---@param message string
---@param lines string[]  of output, from its beginning
---@return string
function words.without_last_advice(message, lines)
  local before, said = message:match "^(.*; )the last line was: (.*)$"
  for index = 1, said and advice_length(lines) or 0 do
    if lines[index] == said then
      return before .. "it printed nothing"
    end
  end
  return message
end

return words
