--- A commit without its files: for what is asked of a commit whose image exists already.
local errors = require "molbuild.base.errors"
local history = require "molbuild.repository.history"
local kept = require "molbuild.repository.kept"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"
local retry = require "molbuild.base.retry"
local sha = require "molbuild.base.sha"

local held_commit = {}

--- The most seconds for finding an address that answers, and attempts to fetch.
local ADDRESS_SECONDS, ATTEMPTS = 10, 3

local function fetched(options, fn)
  if options.offline then
    errors.raise {
      kind = "remote", retry = false,
      message = ("offline: the commit %s is not kept on this machine"):format(options.commit),
      hint = "run it once with a network",
    }
  end
  network.find_address(options.url, math.min(ADDRESS_SECONDS, options.timeout or ADDRESS_SECONDS))
  return history.apart(options, kept.configuration(options.url, options.commit), function(own)
    retry.run({ what = "git fetch", attempts = ATTEMPTS, within = options.timeout }, function(left)
      history.fetch_commit(own, left)
    end)
    return fn(own)
  end)
end

---@class molbuild.CommitOptions
---@field repository string  where it is kept; its directory exists
---@field dir string  a path in an existing private directory, beside which files may be
---@field url string
---@field commit string
---@field branch string  where the commit is looked for if the server does not serve it by its id
---@field bytes integer  the most bytes on the wire
---@field memory integer?  bytes of memory for git, for data from the server; no bound when absent
---@field token molbuild.Credential?
---@field timeout number?
---@field stall number?
---@field keep table?  locks that git keeps, too
---@field offline boolean?  nothing is fetched

--- Call FN with the options for a repository that holds the commit: the kept one if it does, else another one, into which the
--- commit alone is fetched. The caller holds a lock that covers the kept one and `dir`.
---@param how molbuild.CommitOptions
---@param fn fun(options: molbuild.TreeOptions): any
---@return any
---@raise remote | auth | not_found | template | timeout | missing_tool | cancelled | failed
function held_commit.with(how, fn)
  local options = setmetatable({}, { __index = how })
  sha.check(options.commit, "the caller")
  names.branch(options.branch)
  options.parent = how.dir:match "^(.*)/"
  -- One that was fetched for a later commit has the former ones' objects for a while.
  if kept.restore(options) then
    local ok, result = errors.try(fn, options)
    if ok then return result end
    -- A repository that lacks it, or cannot be read, is no reason to fail: a build would fetch everything again.
    if result.kind ~= "failed" or result.code then error(result, 0) end
  end
  return fetched(options, fn)
end

return held_commit
