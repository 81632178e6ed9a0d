--- The lines of a build that another process does: its log is read on, and what is new is shown.
local core = require "molbuild.core"
local events = require "molbuild.base.events"
local task = require "molbuild.base.task"

local follow = {}

-- Bytes of one look, so that a long log does not delay anything else.
local PART = 256 * 1024

-- Seconds by which the dates of a file system and of a process may differ.
local SLACK = 2

-- A log that was written before the holder had the lock is of a former build.
local function is_of(stat, holder)
  return stat and stat.type == "file" and stat.mtime >= holder.start - SLACK
end

-- The whole lines of a text, and what follows them.
local function split(text)
  local last = text:match "^.*()\n"
  if last then return text:sub(1, last), text:sub(last + 1) end
  return "", text
end

--- A look at the log of a lock's holder.
---@param log_of fun(holder: molbuild.core.Holder): string?  the path of its log; nil: it is not known
---@return fun(holder: molbuild.core.Holder?)  to be called now and then: shows the lines that are new
function follow.new(log_of)
  local at, rest, path, inode = 0, "", nil, nil
  return function(holder)
    local scope = task.scope()
    local now = holder and scope.wants_lines and log_of(holder)
    local stat = now and core.fs.lstat(now)
    if not is_of(stat, holder) then return end
    if now ~= path or stat.ino ~= inode or stat.size < at then at, rest, path, inode = 0, "", now, stat.ino end
    local new = stat.size > at and core.fs.read_from(now, at, PART) or ""
    at = at + #new
    local lines
    lines, rest = split(rest .. new)
    if lines ~= "" then events.emit_lines(core.mask.text(lines), scope) end
  end
end

-- Seconds between two reports of the holder, and between two looks at its log.
local REPORT, LOOK = 30, 0.5

--- What a task does that waits for a lock: it reports the holder now and then, and shows the lines of its log.
---@param path string  of the lock
---@param log_of (fun(holder: molbuild.core.Holder): string?)?  as of follow.new; nil: no lines are shown
---@return { every: number, on_wait: function, ended: fun(), waited: boolean }  every, on_wait: for core.lock.acquire; ended: to be
---  called when the lock is held
function follow.wait(path, log_of)
  local self = { waited = false, every = log_of and LOOK or REPORT }
  local look, reported, last = log_of and follow.new(log_of) or function() end, -math.huge, nil
  self.on_wait = task.callback(function(holder, seconds)
    self.waited, last = true, holder
    if seconds - reported >= REPORT then
      reported = seconds
      events.emit("lock_waiting", { holder = holder, path = path, seconds = seconds })
    end
    look(holder)
  end)
  function self.ended()
    if self.waited then look(last) end
  end
  return self
end

return follow
