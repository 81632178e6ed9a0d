--- Whether a commit is on a branch: the branch's history is fetched, deeper each time, until it contains the commit. A
--- server gives any commit that it has, also one of another branch, of a fork, or of a history that was replaced.
local core = require "molbuild.core"
local defer = require "molbuild.base.defer"
local errors = require "molbuild.base.errors"
local fetch = require "molbuild.repository.fetch"
local report = require "molbuild.repository.report"

local history = {
  --- How many commits of the branch are fetched, one depth after the other. A commit below the last one counts as missing.
  depths = { 8, 64, 512, 4096, 32768 },
}

--- Commits only. A commit has some hundred bytes; its files may have gigabytes.
local COMMITS_ONLY = "tree:0"

-- Whether what was fetched contains the commit. git is stopped at that line.
local function contains(options)
  local found = false
  local ok, result = xpcall(fetch.git, errors.handler, options, { "rev-list", fetch.HEAD }, nil, {
    silent = true,
    on_line = function(line)
      found = found or line == options.commit
      return found and "stop" or nil
    end,
  })
  if found then return true end
  report.expect(ok and result or error(result, 0), "git rev-list", options.repository)
  return false
end

local function is_whole(options)
  local shallow = core.fs.lstat(options.repository .. "/shallow")
  return not shallow or shallow.size == 0
end

local function raise(options, missing, message)
  errors.raise {
    kind = "not_found", missing = missing,
    message = message .. " " .. core.mask.url(options.url),
    hint = missing == "commit" and options.on_branch and options.detached_hint or nil,
  }
end

--- Raise the error for a commit that the branch does not have.
---@param options molbuild.TreeOptions
---@param whole boolean  whether all of the branch was looked at
---@raise not_found
function history.raise_missing(options, whole)
  if not options.on_branch then
    raise(options, "commit", ("no commit %s that is served by its id, nor on the branch %s, at"):format(options.commit,
      options.branch))
  end
  raise(options, "commit", ("the commit %s is not %s the branch %s of"):format(options.commit,
    whole and "on" or ("among the newest %d commits of"):format(history.depths[#history.depths]), options.branch))
end

--- Fetch the branch into options.repository, each time deeper, until it contains the commit.
---@param options molbuild.TreeOptions
---@param left number?  seconds for all of it; no bound when absent
---@param filter string?  as of fetch.ref
---@raise not_found | remote | auth | template | timeout | missing_tool | cancelled | failed
function history.deepen(options, left, filter)
  local started = core.sys.monotonic()
  local within = setmetatable({}, { __index = options })
  for _, depth in ipairs(history.depths) do
    within.timeout = left and math.max(0.1, left - (core.sys.monotonic() - started))
    local result = fetch.ref(within, "refs/heads/" .. options.branch, depth, filter)
    if result.code ~= 0 and report.refused(result.tail) then
      raise(options, "branch", ("no branch %s at"):format(options.branch))
    elseif result.code ~= 0 then
      report.raise("git fetch", options.url, result, options.repository)
    elseif contains(within) then
      return
    elseif is_whole(options) then
      history.raise_missing(options, true)
    end
  end
  history.raise_missing(options, false)
end

--- Call FN with the options for an empty repository of its own, which is removed afterwards: one that holds commits without their
--- files cannot be built from.
---@param options molbuild.TreeOptions
---@param configuration string  for the repository
---@param fn fun(own: molbuild.TreeOptions): ...
---@return ...
function history.apart(options, configuration, fn)
  local own = setmetatable({ repository = options.dir .. ".history" }, { __index = options })
  local function remove() core.fs.remove_tree(own.repository) end
  remove()
  local _ <close> = defer(remove)
  for _, name in ipairs { "objects/pack", "refs/molbuild" } do
    errors.must(core.fs.mkdirp(own.repository .. "/" .. name, 448))
  end
  errors.must(core.fs.write_atomic(own.repository .. "/HEAD", "ref: refs/heads/none\n", 384))
  errors.must(core.fs.write_atomic(own.repository .. "/config", configuration, 384))
  return fn(own)
end

--- Check that the commit is on the branch.
---@param options molbuild.TreeOptions
---@param configuration string  for the repository
---@param left number?  seconds; no bound when absent
---@raise as history.deepen
function history.check(options, configuration, left)
  history.apart(options, configuration, function(own) history.deepen(own, left, COMMITS_ONLY) end)
end

--- Fetch the commit without its files, by its id; where the server does not serve it so, with the history of the branch.
---@param own molbuild.TreeOptions  as of history.apart
---@param left number?  seconds; no bound when absent
---@raise as history.deepen
function history.fetch_commit(own, left)
  local result = fetch.ref(setmetatable({ timeout = left }, { __index = own }), own.commit, 1, COMMITS_ONLY)
  if result.code ~= 0 and report.refused(result.tail) then
    history.deepen(own, left, COMMITS_ONLY)
  elseif result.code ~= 0 then
    report.raise("git fetch", own.url, result, own.repository)
  end
end

return history
