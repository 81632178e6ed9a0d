--- `git fetch` of one reference into a repository that molbuild made.
local bounds = require "molbuild.repository.bounds"
local command = require "molbuild.repository.command"
local errors = require "molbuild.base.errors"

local fetch = {
  --- The reference that a fetch sets.
  HEAD = "refs/molbuild/head",
}

--- The user's settings must not make a fetch larger.
local SETTINGS = { "fetch.negotiationAlgorithm=consecutive", "fetch.writeCommitGraph=false" }

--- Run git on the repository; OPTIONS are those of store.tree.
---@param options molbuild.TreeOptions
---@param arguments string[]  "--git-dir" is put before them
---@param url string?  as of command.run
---@param more table?  as of command.run
---@return table result
function fetch.git(options, arguments, url, more)
  local how = { token = url and options.token, timeout = options.timeout, stall = options.stall,
    keep = options.keep }
  table.insert(arguments, 1, "--git-dir=" .. options.repository)
  return command.run(arguments, url, how, more)
end

--- Fetch a reference, or a commit by its id.
---@param options molbuild.TreeOptions
---@param ref string
---@param depth integer  the number of commits, counted from the newest
---@param filter string?  as of `git fetch --filter`; a server that does not support it sends everything
---@return table result  as of command.run
---@raise template | timeout | missing_tool | cancelled | failed  template: a bound was exceeded
function fetch.ref(options, ref, depth, filter)
  local arguments = {}
  local function add(...) table.move({ ... }, 1, select("#", ...), #arguments + 1, arguments) end
  for _, setting in ipairs(SETTINGS) do add("-c", setting) end
  add("fetch", "--progress", "--depth=" .. depth, "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head")
  if filter then add("--filter=" .. filter) end
  add("--end-of-options", options.url, ("+%s:%s"):format(ref, fetch.HEAD))
  local on_line, check = bounds.fetch(options.bytes)
  local ok, result = xpcall(fetch.git, errors.handler, options, arguments, options.url,
    { on_line = on_line, max_memory = options.memory })
  check(ok and result or nil)
  return ok and result or error(result, 0)
end

return fetch
