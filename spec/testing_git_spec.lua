-- The git of a test's world against the real one: the library's functions, by URLs of a directory, give the same trees and errors.
local core = require "molbuild.core"
local molbuild = require "molbuild"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

--- Commit a tree to a branch of a real repository. Gives the commit's id.
local function commit(dir, tree, branch)
  local work = dir .. "/work"
  sh.run { "rm", "-rf", work }
  sh.run { "git", "init", "-q", "-b", branch, work }
  for path, what in pairs(tree) do
    what = type(what) == "table" and what or { text = what }
    sh.run { "mkdir", "-p", (work .. "/" .. path):match "^(.*)/" }
    if what.link then
      sh.run { "ln", "-s", what.link, work .. "/" .. path }
    else
      sh.write(work .. "/" .. path, what.text)
      sh.run { "chmod", ("%o"):format(what.mode or 420), work .. "/" .. path }
    end
  end
  sh.run { "git", "-C", work, "add", "-A" }
  local author = { "-c", "user.name=spec", "-c", "user.email=spec@localhost" }
  sh.run { "git", "-C", work, author[1], author[2], author[3], author[4], "commit", "-q", "--allow-empty", "-m", branch }
  if not sh.read(dir .. "/t.git/HEAD") then sh.run { "git", "init", "-q", "--bare", "-b", "main", dir .. "/t.git" } end
  sh.run { "git", "-C", work, "push", "-q", "-f", dir .. "/t.git", branch }
  return sh.run { "git", "-C", work, "rev-parse", "HEAD" }
end

--- What is in a directory: by path "mode text", or "-> target".
local function contents(fs, dir, prefix, into)
  for _, name in ipairs(fs.list(dir) or {}) do
    local path = dir .. "/" .. name
    local stat = fs.lstat(path)
    if stat.type == "directory" then
      contents(fs, path, prefix .. name .. "/", into)
    else
      into[prefix .. name] = stat.type == "link" and "-> " .. fs.readlink(path) or ("%o %s"):format(stat.mode, fs.read(path))
    end
  end
  return into
end

describe("the git of a world and the real one", function()
  local dir

  before_each(function() dir = sh.temporary "git" end)
  after_each(function() sh.remove(dir) end)

  --- Run CASE(git, dir, commits, fs) in both worlds, with the same branches; compares what it gives or raises.
  local function both(branches, case)
    local found = {}
    local url = ("file://%s/t.git"):format(dir)
    local world = molbuild.testing.world { fork = "return {}", repositories = { [url] = branches } }
    for index, place in ipairs { "world", "real" } do
      local commits = {}
      for branch, tree in pairs(branches) do
        commits[branch] = place == "real" and commit(dir, tree, branch) or world.forge:head(url, branch)
      end
      local function body(git, errors, fs)
        fs.mkdirp(dir .. "/" .. place)
        local ok, result = errors.try(case, git, dir .. "/" .. place, commits, fs, url)
        local message = not ok and result.message or nil
        for _, sha in pairs(commits) do message = message and message:gsub(sha, "SHA") end
        message = message and message:gsub("/" .. place .. "/", "/PLACE/")
        if type(result) == "table" and ok then
          for branch, sha in pairs(commits) do result[branch] = result[branch] == sha and "its commit" or result[branch] end
        end
        found[index] = { ok = ok, result = ok and result or nil, kind = not ok and result.kind or nil, message = message }
      end
      if place == "real" then
        task.run(function() body(molbuild.git, molbuild.errors, core.fs) end)
      else
        world:call(function(_, library) body(library.git, library.errors, library.core.fs) end)
      end
    end
    assert.same(found[2], found[1])
    return found[2]
  end

  local TREE = {
    Dockerfile = "FROM scratch\n", ["sub/deep/file"] = "text\n", run = { text = "#!/bin/sh\n", mode = 493 },
    link = { link = "sub/deep/file" },
  }

  local function fetch(commit_of, bounds)
    return function(git, at, commits, fs, url)
      local options = {
        repository = at .. "/kept.git", dir = at .. "/tree", url = url, commit = commit_of(commits), branch = "main",
        files = 100, bytes = 10000,
      }
      for name, value in pairs(bounds or {}) do options[name] = value end
      local written = git.tree(options)
      return { written = written, files = contents(fs, at .. "/tree", "", {}) }
    end
  end

  local function main(commits) return commits.main end

  it("look up branches", function()
    local found = both({ main = TREE, ["feature/x"] = { a = "1" } }, function(git, _, _, _, url)
      return { main = git.branch_head(url, "main", {}), ["feature/x"] = git.branch_head(url, "feature/x", {}) }
    end)
    assert.same({ main = "its commit", ["feature/x"] = "its commit" }, found.result)
    local absent = both({ main = TREE }, function(git, _, _, _, url) return git.branch_head(url, "none", {}) end)
    assert.equal("not_found", absent.kind)
  end)

  it("write the tree of a commit: its files, modes and links", function()
    local found = both({ main = TREE }, fetch(main))
    assert.is_true(found.result.written)
    assert.equal("755 #!/bin/sh\n", found.result.files.run)
  end)

  it("miss a commit that no branch has any more", function()
    local found = both({ main = TREE }, fetch(function() return ("a"):rep(40) end))
    assert.is_false(found.result.written)
  end)

  it("write a given commit that is on the branch, and refuse one that is not", function()
    assert.is_true(both({ main = TREE, other = { a = "1" } }, fetch(main, { on_branch = true })).result.written)
    local function other(commits) return commits.other end
    assert.equal("not_found", both({ main = TREE, other = { a = "1" } }, fetch(other, { on_branch = true })).kind)
    assert.is_true(both({ main = TREE, other = { a = "1" } }, fetch(other, { on_branch = false })).result.written)
  end)

  it("miss a repository", function()
    local found = both({ main = TREE }, function(git, at, commits)
      return git.tree {
        repository = at .. "/kept.git", dir = at .. "/tree", url = "file://" .. dir .. "/none.git", commit = commits.main,
        branch = "main", files = 100, bytes = 10000,
      }
    end)
    assert.equal("not_found", found.kind)
  end)

  it("refuse a tree that is too large, or has too many files", function()
    assert.matches("more than 3 files and directories", both({ main = TREE }, fetch(main, { files = 3 })).message, 1, true)
    assert.matches("larger than 10 bytes", both({ main = TREE }, fetch(main, { bytes = 10 })).message, 1, true)
  end)
end)
