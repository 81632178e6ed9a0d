--- Why git failed, from its output: because of this machine, the network, the server or ssh's keys.
local access = require "molbuild.base.access"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local auth = require "molbuild.repository.auth"
local network = require "molbuild.forge.network"

local report = {}

--- Failures of this machine in git's output, and their errno names.
local LOCAL = {
  { "No space left on device", "ENOSPC" }, { "Disk quota exceeded", "EDQUOT" }, { "Read-only file system", "EROFS" },
  { "Too many open files", "EMFILE" }, { "File name too long", "ENAMETOOLONG" }, { "File too large", "EFBIG" },
  { "Input/output error", "EIO" }, { "Cannot allocate memory", "ENOMEM" }, { "ut of memory", "ENOMEM" },
  { "Resource temporarily unavailable", "EAGAIN" }, { "Operation not permitted", "EPERM" },
  { ": Permission denied", "EACCES" }, { "Unable to read current working directory", "ENOENT" },
  { "died of signal", "killed" }, { "error: unable to write file ", "EIO" }, { "dubious ownership", "owner" },
  { "bad config ", "config" },
}

--- Lines that report about another machine: text from the server, and from ssh.
local REMOTE = { "^remote: ", "^fatal: remote error", "^ssh: ", "^ERROR: ", "Permission denied %(", "Permission denied, please",
  "^Load key " }

local function is_remote(line)
  for _, pattern in ipairs(REMOTE) do
    if line:find(pattern) then
      return true
    end
  end
  return false
end

--- Whether git exceeded the memory that molbuild allows for data from a server: then the data was too large. Growing data
--- is reallocated, and git does not report the size; or a single allocation is large.
local function is_bound(line, bound)
  if not bound then
    return false
  end
  local wanted = tonumber(line:match "tried to allocate (%d+) bytes")
  return line:find("realloc failed", 1, true) ~= nil or wanted ~= nil and wanted >= bound / 8
end

--- The failure of this machine in git's output: the last line that reports one.
---@param result table  as of command.run
---@return string? code  an errno name; nil for any other failure
---@return string? line
function report.of_this_machine(result)
  if result.signal then
    return "killed", child.last_words(result)
  end
  local lines = child.last_lines(result.tail, 40)
  for at = #lines, 1, -1 do
    for _, entry in ipairs(LOCAL) do
      local line = lines[at]
      if line:find(entry[1], 1, true) and not is_remote(line) and not is_bound(line, result.memory_bound) then
        return entry[2], line
      end
    end
  end
end

local SSH = {
  { "Permission denied %(", "publickey", "auth",
    "the server accepts none of the keys that ssh offered: check ssh-add -l, and try ssh -v with the prefix's host; set another "
      .. "key in ~/.ssh/config, or with git config --global core.sshCommand" },
  { "Host key verification failed", "hostkey", "remote",
    "ssh does not know the server's key: verify it, and accept it by connecting once with ssh" },
}

local function kind_of(text)
  if text:find "[Aa]uthentication failed" or text:find "could not read Username" or text:find "could not read Password"
    or text:find "returned error: 40[13]" or text:find "Permission denied" then
    return "auth"
  elseif text:find "[Rr]epository.*not found" or text:find "does not appear to be a git repository"
    or text:find "returned error: 404" or text:find "[Rr]emote branch .* not found" or text:find "does not exist" then
    return "not_found"
  end
  return "remote"
end

--- git's messages after another message that has the cause.
local CONSEQUENCES = {
  "and the repository exists.", "Please make sure you have the correct access rights",
  "Could not read from remote repository", "the remote end hung up unexpectedly", "early EOF",
  "index-pack failed", "invalid index-pack output",
}

local function is_consequence(line)
  for _, words in ipairs(CONSEQUENCES) do
    if line:find(words, 1, true) then
      return true
    end
  end
  return false
end

--- The line of git's output that has the cause: the last one that is not such a message.
---@param result table
---@return string
function report.reason(result)
  if result.signal then
    return child.last_words(result)
  end
  local lines = child.last_lines(result.tail, 40)
  local at = #lines
  while at > 0 and is_consequence(lines[at]) do
    at = at - 1
  end
  if not lines[at] or lines[at]:find "%d%% %(" or lines[at]:find "^From " then
    at = at + 1 -- progress output: there is no better line
  end
  return lines[at] or child.last_words { tail = "", code = result.code }
end

--- The answers of servers that do not serve a commit by its id alone.
local REFUSED = {
  "unadvertised object", "not our ref", "[Cc]ouldn't find remote ref", "no such remote ref", "does not allow request",
}

--- Whether a server refused to serve a commit by its id.
---@param text string  git's output
---@return boolean
function report.refused(text)
  for _, words in ipairs(REFUSED) do
    if text:find(words) then
      return true
    end
  end
  return false
end

--- Raise the error for a failure of this machine; return when git failed for another reason.
---@param what string
---@param result table
---@param tree string?  the directory that git wrote to
---@raise failed
function report.raise_local(what, result, tree)
  local code, line = report.of_this_machine(result)
  if code then
    local message = access.is_full(code) and "no space left on device" or line
    errors.raise {
      kind = "failed", code = code, message = ("%s: %s"):format(what, message),
      hint = access.hint(code, line, tree) or errors.hint(code),
      tail = child.last_lines(result.tail, 40),
    }
  end
end

--- Raise the error for a failed command that talks to URL.
---@param what string
---@param url string
---@param result table
---@param tree string?  the directory that git wrote to
---@raise failed | remote | auth | not_found
function report.raise(what, url, result, tree)
  report.raise_local(what, result, tree)
  local moved, code = auth.moved(url, result.tail), network.code_of(result.tail)
  if code == "connect" then
    network.forget(url)
  end
  local kind, hint = kind_of(result.tail), network.hint(code, url)
  for _, case in ipairs(SSH) do
    if result.tail:find(case[1]) then
      code, kind, hint = case[2], case[3], case[4]
    end
  end
  errors.raise {
    kind = kind,
    code = moved and "redirect" or code,
    status = tonumber(result.tail:match "returned error: (%d%d%d)"),
    message = ("%s %s: %s"):format(what, core.mask.url(url), moved or report.reason(result)),
    hint = moved and "change the prefix to the repository's new place" or hint,
    tail = child.last_lines(result.tail, 40),
  }
end

--- The result of a command that talks to no remote; raises when it failed.
---@param result table
---@param what string
---@param tree string?  the directory that git wrote to
---@return table result
---@raise failed
function report.expect(result, what, tree)
  if result.code ~= 0 then
    report.raise_local(what, result, tree)
    errors.raise { kind = "failed", message = ("%s: %s"):format(what, report.reason(result)) }
  end
  return result
end

return report
