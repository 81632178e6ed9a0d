--- The git functions for policies: a password, the commit of a branch, the tree of a commit.
local auth = require "molbuild.repository.auth"
local command = require "molbuild.repository.command"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"
local report = require "molbuild.repository.report"
local retry = require "molbuild.base.retry"
local seal = require "molbuild.base.seal"
local sha = require "molbuild.base.sha"

local git = {
  --- The most memory for data from a server: git keeps the whole list of refs, however long it is. For a lookup this is
  --- enough for some 200000 refs. A fetch is read into memory, too, except for the largest files.
  lookup_memory = 48 << 20,
  fetch_memory = 2 << 30,
}

--- The credentials that git's own credential helpers have for a URL. They must not prompt. The caller registers the
--- password with the masker: it has not been in any line, event or message.
---@param url string
---@param user string?  the user whose password is wanted
---@return { username: string?, password: string }?  nil when they have none
---@raise timeout | missing_tool | cancelled | failed
function git.credential(url, user)
  local asking = { helpers = true, timeout = 60 }
  local more = { input = auth.question(url, user), capture = 65536, silent = true }
  local result = command.run({ command.NO_REPOSITORY, "credential", "fill" }, nil, asking, more)
  return result.code == 0 and auth.answer(result.stdout) or nil
end

local function ask_branch(url, branch, options)
  network.find_address(url, math.min(10, options.timeout))
  local ref = "refs/heads/" .. branch
  local more = { capture = 65536, max_memory = git.lookup_memory }
  local arguments = { command.NO_REPOSITORY, "ls-remote", "--end-of-options", url, ref }
  local ok, result = xpcall(command.run, errors.handler, arguments, url, options, more)
  if not ok then
    result = errors.object(result)
    -- The server's list of refs is too long.
    result.kind = result.code == "too_large" and "remote" or result.kind
    error(result, 0)
  elseif result.code ~= 0 then
    report.raise("git ls-remote", url, result)
  end
  -- Refs with the same ending are listed, too, and may come first.
  local id = ("\n" .. result.stdout):match("\n(%x+)\t" .. ref:gsub("%p", "%%%0") .. "\n")
  if not id then
    errors.raise {
      kind = "not_found", missing = "branch", message = ("no branch %s at %s"):format(branch, core.mask.url(url)),
    }
  end
  return sha.check(id, core.mask.url(url))
end

local HEAD_OPTIONS = { token = true, timeout = true, ask_git = true }

--- The commit that a branch points at, by `git ls-remote`: works with any git server, or a directory. A temporary failure
--- is retried, three attempts in all.
---@param url string
---@param branch string
---@param options { token: molbuild.Credential?, timeout: number?, ask_git: function? }  timeout as of
---  retry.head_lookup; ask_git, of gitea.branch_head, is not used
---@return string sha
---@raise usage | remote | auth | not_found | timeout | missing_tool | cancelled
function git.branch_head(url, branch, options)
  seal.options("molbuild.git.branch_head", options, HEAD_OPTIONS)
  names.branch(branch)
  return retry.head_lookup(options.timeout, function(left)
    return ask_branch(url, branch, setmetatable({ timeout = left }, { __index = options }))
  end)
end

local TREE_OPTIONS = {
  repository = true, dir = true, url = true, commit = true, branch = true, files = true, bytes = true, memory = true,
  token = true, timeout = true, stall = true, keep = true, auth_hint = true, on_branch = true, detached_hint = true,
  verify = true,
}

--- Write the tree of one commit into a new directory; see store.lua.
---@param options molbuild.TreeOptions
function git.tree(options)
  seal.options("molbuild.git.tree", options, TREE_OPTIONS)
  return require("molbuild.repository.store").tree(setmetatable({ memory = git.fetch_memory }, { __index = options }))
end

local COMMIT_OPTIONS = {
  repository = true, dir = true, url = true, commit = true, branch = true, bytes = true, memory = true, token = true,
  timeout = true, stall = true, keep = true, offline = true,
}

--- Call FN with a repository that holds a commit, without its files; see held_commit.lua.
---@param options molbuild.CommitOptions
---@param fn fun(options: molbuild.TreeOptions): any
---@return any
function git.with_commit(options, fn)
  seal.options("molbuild.git.with_commit", options, COMMIT_OPTIONS)
  local all = setmetatable({ memory = git.fetch_memory }, { __index = options })
  return require("molbuild.repository.held_commit").with(all, fn)
end

return git
