--- Why git failed, from what it printed: whether this machine, the network, the server or ssh's keys are the reason.
local access = require "molbuild.base.access"
local child = require "molbuild.base.child"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local auth = require "molbuild.repository.auth"
local network = require "molbuild.forge.network"

local report = {}

--- What this machine did not let git do, and the errno names for it.
local LOCAL = {
  { "No space left on device", "ENOSPC" }, { "Disk quota exceeded", "EDQUOT" }, { "Read-only file system", "EROFS" },
  { "Too many open files", "EMFILE" }, { "File name too long", "ENAMETOOLONG" }, { "File too large", "EFBIG" },
  { "Input/output error", "EIO" }, { "Cannot allocate memory", "ENOMEM" }, { "ut of memory", "ENOMEM" },
  { "Resource temporarily unavailable", "EAGAIN" }, { "Operation not permitted", "EPERM" },
  { ": Permission denied", "EACCES" }, { "Unable to read current working directory", "ENOENT" },
  { "died of signal", "killed" }, { "error: unable to write file ", "EIO" }, { "dubious ownership", "owner" },
  { "bad config ", "config" },
}

--- Lines that tell of another machine: the server's words, and ssh's.
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

--- Whether git ran out of the memory that molbuild gives it for what a server sends: then that was too much. What grows as a
--- server sends is reallocated, of which git does not say how much it is, or is large at once.
local function is_bound(line, bound)
  if not bound then
    return false
  end
  local wanted = tonumber(line:match "tried to allocate (%d+) bytes")
  return line:find("realloc failed", 1, true) ~= nil or wanted ~= nil and wanted >= bound / 8
end

--- What this machine did not let git do: the last line that says so.
---@param result table  as of command.run
---@return string? code  an errno name; nil when it was something else
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
    "ssh gave no key that the server takes: see what ssh-add -l lists, and try ssh -v with the host of the prefix; a key of "
      .. "its own is named in ~/.ssh/config, or by git config --global core.sshCommand" },
  { "Host key verification failed", "hostkey", "remote",
    "ssh does not know the server's key: compare it, and accept it by connecting once with ssh" },
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

--- What git says when somebody else has said before what went wrong.
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

--- The line of git's output that says why it failed: the last one of those that do.
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
    at = at + 1 -- that is progress: nobody said more
  end
  return lines[at] or child.last_words { tail = "", code = result.code }
end

--- What a server answers that does not give a commit by its id alone.
local REFUSED = {
  "unadvertised object", "not our ref", "[Cc]ouldn't find remote ref", "no such remote ref", "does not allow request",
}

--- Whether a server refused to give what it was asked for by its commit's id.
---@param text string  what git printed
---@return boolean
function report.refused(text)
  for _, words in ipairs(REFUSED) do
    if text:find(words) then
      return true
    end
  end
  return false
end

--- Raise what this machine did not let git do; return when it was something else.
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

--- Raise why a command that talks to URL failed.
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
    hint = moved and "change the prefix to where the repository is now" or hint,
    tail = child.last_lines(result.tail, 40),
  }
end

--- Raise why a command that talks to nobody failed; its result where it did not.
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
