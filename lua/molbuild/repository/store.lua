--- The tree of a commit, through the repository that is kept between runs (kept.lua).
local access = require "molbuild.base.access"
local child = require "molbuild.base.child"
local commit = require "molbuild.repository.commit"
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local bounds = require "molbuild.repository.bounds"
local fetcher = require "molbuild.repository.fetch"
local history = require "molbuild.repository.history"
local kept = require "molbuild.repository.kept"
local report = require "molbuild.repository.report"
local log = require "molbuild.base.log"
local names = require "molbuild.base.names"
local network = require "molbuild.forge.network"
local retry = require "molbuild.base.retry"
local sha = require "molbuild.base.sha"
local shown = require("molbuild.base.text").shown

local store = {}

--- The commit that the repository holds; git offers it to the server.
local HEAD = fetcher.HEAD

--- The most seconds for finding an address that answers.
local ADDRESS_SECONDS = 10

--- The last time that all file systems can store.
local LAST_SECOND = 2 ^ 31 - 1

local PRIVATE_DIR = 448

--- Above these limits the objects of former commits are removed.
local MAX_PACKS, SPARE_BYTES = 20, 64 * 1024 ^ 2

--- Failures to reach the server: they are no reason to remove the kept repository.
local NO_CONNECTION = {
  "unable to access '%l+://", "[Cc]ould not read from remote repository", "unable to connect to", "unable to look up",
}

local function must(ok, message, code)
  return errors.must(ok, message, code, { hint = access.hint(code, message or "") })
end

local run = fetcher.git

-- A server may refuse to serve a commit by its id, but serve it as a part of the branch.
local function fetch_given(options, left)
  local result = fetcher.ref(options, options.commit, 1)
  if result.code == 0 then
    return options.commit
  elseif not report.refused(result.tail) then
    report.raise("git fetch", options.url, result, options.repository)
  end
  history.deepen(options, left)
  report.expect(run(options, { "update-ref", HEAD, options.commit }), "git update-ref", options.repository)
  return options.commit
end

-- The branch may have moved on since its commit was looked up.
local function fetch_head(options)
  local result = fetcher.ref(options, options.commit, 1)
  if result.code == 0 then
    return options.commit
  elseif report.refused(result.tail) then
    result = fetcher.ref(options, "refs/heads/" .. options.branch, 1)
    if result.code ~= 0 and report.refused(result.tail) then
      return nil -- a replica that does not have the branch yet
    end
  end
  if result.code ~= 0 then
    report.raise("git fetch", options.url, result, options.repository)
  end
  return (must(core.fs.read(options.repository .. "/" .. HEAD, 1024)):match "^%x*")
end

-- A temporary failure is retried, three attempts in all, within the bound for one fetch.
local function try_to_fetch(options, how)
  return retry.run({ what = "git fetch", attempts = 3, within = options.timeout }, function(left)
    return how(setmetatable({ timeout = left }, { __index = options }), left)
  end)
end

--- Fetch the commit. If the server does not serve it by its id, the branch is fetched.
---@return string? held  the fetched commit: another one when the branch has moved on, nil when a replica lags
local function fetch(options)
  return try_to_fetch(options, options.on_branch == nil and fetch_head or fetch_given)
end

--- The size of the commit's files, measured before any is written. Counting stops, with an error, at the first bound that
--- is exceeded.
---@return integer bytes
---@raise template
local function measure(options)
  local on_line, check = bounds.tree(options)
  -- Directories count, too (-t): nested trees take as long to walk as files do, and print nothing without it.
  local listing = { "ls-tree", "-r", "-t", "-l", "--full-tree", options.commit }
  local ok, result = xpcall(run, errors.handler, options, listing, nil, { on_line = on_line, silent = true })
  local _, bytes = check()
  report.expect(ok and result or error(result, 0), "git ls-tree", options.repository)
  return bytes
end

--- Raise why a file could not be written. git does not report it, so the file system is checked. BYTES: the size of all files.
local function raise_unwritten(options, result, bytes)
  if not result.tail:find("unable to write file", 1, true) then
    return
  end
  local free = core.fs.free_bytes(options.dir)
  local _, message, code = core.fs.write_atomic(options.dir .. "/.written", ("x"):rep(65536))
  if free and free < bytes then
    code = "ENOSPC"
  end
  if code then
    errors.raise {
      kind = "failed", code = code, hint = access.hint(code, message or ""), tail = child.last_lines(result.tail, 40),
      message = "git read-tree: " .. (access.is_full(code) and "no space left on device" or message),
    }
  end
end

--- git continues when it does not know an encoding that a template names.
local function warn_of_encodings(text)
  for line in text:gmatch "failed to encode '[^\n]*" do
    log.warn("git: %s; the file stays unconverted", shown(line))
  end
end

-- When the commit was made, in seconds since 1970; nil when it says nothing usable.
local function time_of(options)
  local found = commit.read(options)
  return found and found.time <= LAST_SECOND and found.time or nil
end

--- Write the commit's files into the new directory. No filter, hook or submodule of the template or the user runs.
local function check_out(options, bytes)
  local index = options.dir .. ".index"
  must(core.fs.mkdirp(options.dir, PRIVATE_DIR))
  local result = run(options, {
    "--work-tree=" .. options.dir, "read-tree", "--reset", "-u", "-v", "--index-output=" .. index, options.commit,
  })
  if result.code ~= 0 then
    bounds.checkout(result.tail)
    raise_unwritten(options, result, bytes)
  end
  report.expect(result, "git read-tree", options.parent)
  warn_of_encodings(result.tail)
  must(core.fs.remove_tree(index))
  -- A directory above may pass a group or an access list on to its files.
  -- The files have the commit's time on every host: so do the layers that are made of them.
  must(core.fs.plain_modes(options.dir, time_of(options)))
end

--- Bound the repository's size: when it has many packs, or far more bytes than the commit's files, all other commits are
--- removed. If that fails, the next run fetches the whole commit.
local function tidy(options, bytes)
  local dir, packs, size = options.repository .. "/objects/pack", 0, 0
  for name in pairs(kept.whole_packs(dir)) do
    packs, size = packs + 1 / 2, size + must(core.fs.lstat(dir .. "/" .. name)).size
  end
  if packs <= MAX_PACKS and size <= 2 * bytes + SPARE_BYTES then
    return
  end
  local ok, result = errors.try(run, options,
    { "-c", "repack.writeBitmaps=false", "repack", "-a", "-d", "-q", "--window=0" })
  if not ok or result.code ~= 0 then
    must(core.fs.remove_tree(options.repository))
  end
end

local function attempt(options, held)
  if options.on_branch or options.on_branch == false and held ~= options.commit then
    -- No lookup has found an address that answers: git would wait for a dead one for minutes.
    network.find_address(options.url, math.min(ADDRESS_SECONDS, options.timeout or ADDRESS_SECONDS))
  end
  if options.on_branch then
    try_to_fetch(options, function(within, left)
      history.check(within, kept.configuration(options.url, options.commit), left)
    end)
  end
  if held ~= options.commit and fetch(options) ~= options.commit then
    return false
  end
  if options.verify then
    options.verify(options)
  end
  local bytes = measure(options)
  check_out(options, bytes)
  tidy(options, bytes)
  return true
end

--- Remove everything incomplete, and a commit that must not be built. Best effort: there is another error to report. A commit whose
--- signature was refused is whole, and is kept: the next run refuses it without fetching it again.
local function clean_up(options, held, failure)
  core.fs.remove_tree(options.dir)
  core.fs.remove_tree(options.dir .. ".index")
  local is_whole = held or failure.kind == "signature"
  if not is_whole or failure.kind == "template" or not pcall(kept.restore, options) then
    core.fs.remove_tree(options.repository)
  end
end

--- Whether the kept repository, or how the server handles it, may have caused a failure. A failure with a code or a
--- status comes from the network, the server or this machine.
local function may_be_the_repository(failure)
  if failure.kind ~= "remote" and failure.kind ~= "failed" or failure.code or failure.status then
    return false
  end
  local text = failure.message .. "\n" .. table.concat(failure.tail or {}, "\n")
  for _, words in ipairs(NO_CONNECTION) do
    if text:find(words) then
      return false
    end
  end
  return true
end

local function absolute(path)
  local parent, name = path:match "^(.*)/([^/]+)$"
  parent = must(core.fs.realpath(parent))
  return parent .. "/" .. name, parent
end

---@class molbuild.TreeOptions
---@field repository string  where it is kept; its directory exists
---@field dir string  where the files go: a new directory in an existing one
---@field url string
---@field commit string
---@field branch string
---@field on_branch boolean?  nil: the commit is the branch's, looked up just now. Else it was given: true, it must be on the
---  branch, whose history is fetched to find that out; false, any commit of the repository will do
---@field detached_hint string?  the hint when a given commit is not on the branch
---@field files integer  the most files and directories of the tree
---@field bytes integer  the most bytes of the tree, and on the wire
---@field memory integer?  bytes of memory for git, for data from the server; no bound when absent
---@field token molbuild.Credential?
---@field timeout number?
---@field stall number?
---@field keep table?  locks that git keeps, too
---@field auth_hint string?  the hint when the server refuses the token, or requires one
---@field verify (fun(options: molbuild.TreeOptions))?  called when the repository holds the commit, before anything of its tree is
---  read: it raises an error for a commit that must not be used

--- Write the files of one commit, and nothing else, into a new directory. Missing objects are fetched. The caller holds a
--- lock that covers both directories.
---@param how molbuild.TreeOptions
---@return boolean written  false: the branch has moved on, look it up again. Always true for a given commit
---@raise usage | remote | auth | not_found | template | timeout | missing_tool | cancelled | failed
function store.tree(how)
  local options = setmetatable({}, { __index = how })
  sha.check(options.commit, "the caller")
  names.branch(options.branch)
  options.repository = absolute(how.repository)
  options.dir, options.parent = absolute(how.dir)
  must(core.fs.remove_tree(options.dir))
  local held, complaint = kept.restore(options)
  if complaint then
    log.warn("%s is not used, everything is fetched again: %s", options.repository, complaint)
  end
  local ok, result = xpcall(attempt, errors.handler, options, held)
  if not ok and held and may_be_the_repository(result) then
    log.warn("%s is not used, everything is fetched again: %s", options.repository, result.message)
    clean_up(options, nil, result)
    held = kept.restore(options)
    ok, result = xpcall(attempt, errors.handler, options, held)
  end
  if not ok then
    clean_up(options, held, result)
    if result.kind == "auth" and result.code ~= "publickey" then
      result.hint = options.auth_hint or result.hint
    end
    if access.is_full(result.code) then
      result.message = ("%s: %s"):format(options.repository, result.message)
    end
    error(result, 0)
  end
  return result
end

return store
