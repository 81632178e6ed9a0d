-- The tree of a commit that was given, not looked up: whether it is on its branch, however deep; by real git, from a directory.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local git = require "molbuild.repository.git"
local history = require "molbuild.repository.history"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"

local DEEP = 600 -- commits, more than the first depths

describe("a given commit", function()
  local dir, commits

  -- COUNT commits on a branch, from the one at FROM on; with a Dockerfile that names the last of them.
  local function stream(branch, count, from)
    local lines = {}
    for number = 1, count do
      local text = ("FROM scratch\n# %s %d\n"):format(branch, number)
      lines[#lines + 1] = ("commit refs/heads/%s\nmark :%d\ncommitter spec <spec@localhost> %d +0000\ndata 1\nx%sM 644 inline "
        .. "Dockerfile\ndata %d\n%s"):format(branch, number, 1700000000 + number,
        number == 1 and from and ("\nfrom %s\n"):format(from) or "\n", #text, text)
    end
    sh.write(dir .. "/stream", table.concat(lines, "\n") .. "\n")
    sh.run(("git --git-dir=%s/t.git fast-import --quiet --force <%s/stream"):format(dir, dir))
    return sh.run(("git --git-dir=%s/t.git rev-parse %s"):format(dir, branch))
  end

  local function new_repository(format)
    sh.run(("rm -rf %s/t.git && git init -q --bare -b main --object-format=%s %s/t.git"):format(dir, format, dir))
    sh.run(("git --git-dir=%s/t.git config uploadpack.allowFilter true"):format(dir))
  end

  setup(function()
    dir = sh.temporary "given"
    new_repository "sha1"
    local head = stream("main", DEEP)
    local function at(name) return sh.run(("git --git-dir=%s/t.git rev-parse %s"):format(dir, name)) end
    commits = { head = head, deep = at(("main~%d"):format(DEEP - 2)), replaced = head }
    commits.other = stream("other", 3, commits.deep)
  end)

  teardown(function() sh.remove(dir) end)

  after_each(function() history.depths = { 8, 64, 512, 4096, 32768 } end)

  -- The tree of a commit: its files, or the error.
  local function tree(commit, options)
    local how = {
      repository = dir .. "/kept.git", dir = dir .. "/tree", url = "file://" .. dir .. "/t.git", commit = commit, branch = "main",
      files = 100, bytes = 1 << 24, on_branch = true, detached_hint = "say so",
    }
    for name, value in pairs(options or {}) do how[name] = value end
    local ok, result = xpcall(task.run, errors.handler, function() return git.tree(how) end)
    assert.equal("", sh.run(("ls %s | grep history || :"):format(dir)))
    return ok and result and sh.read(dir .. "/tree/Dockerfile") or not ok and result
  end

  local function refused(failure, words)
    assert.equal("not_found", failure.kind, failure.message)
    assert.truthy(failure.message:find(words, 1, true), failure.message)
    assert.is_nil(sh.read(dir .. "/tree/Dockerfile"))
  end

  before_each(function() sh.run(("rm -rf %s/kept.git %s/tree"):format(dir, dir)) end)

  it("that the branch points at is written", function()
    assert.equal("FROM scratch\n# main 600\n", tree(commits.head))
  end)

  it("with a message of any length is written, with the commit's time where that can be read", function()
    for length, time in pairs { [200000] = 1700000000 + DEEP, [2 << 20] = false } do
      local git_dir = "git --git-dir=" .. dir .. "/t.git "
      sh.run(("{ %scat-file commit main; head -c %d /dev/zero | tr '\\0' x; } >%s/object"):format(git_dir, length, dir))
      local long = sh.run(("%shash-object -t commit -w %s/object"):format(git_dir, dir))
      sh.run(git_dir .. "update-ref refs/heads/long " .. long)
      assert.equal("FROM scratch\n# main 600\n", tree(long, { branch = "long" }))
      assert.equal(time, core.fs.lstat(dir .. "/tree/Dockerfile").mtime == 1700000000 + DEEP and 1700000000 + DEEP)
    end
  end)

  it("that is deep in the branch's history is written", function()
    assert.equal("FROM scratch\n# main 2\n", tree(commits.deep))
  end)

  it("is found also where the server cannot leave the files out", function()
    sh.run(("git --git-dir=%s/t.git config uploadpack.allowFilter false"):format(dir))
    assert.equal("FROM scratch\n# main 2\n", tree(commits.deep))
    sh.run(("git --git-dir=%s/t.git config uploadpack.allowFilter true"):format(dir))
  end)

  it("of another branch is refused, with the policy's hint", function()
    local failure = tree(commits.other)
    refused(failure, ("the commit %s is not on the branch main of file://"):format(commits.other))
    assert.equal("commit", failure.missing)
    assert.equal("say so", failure.hint)
  end)

  it("of another branch is written when it need not be on the branch", function()
    assert.equal("FROM scratch\n# other 3\n", tree(commits.other, { on_branch = false }))
  end)

  it("is refused also when the kept repository has it from then", function()
    tree(commits.other, { on_branch = false })
    refused(tree(commits.other), "is not on the branch main")
    assert.equal("FROM scratch\n# main 600\n", tree(commits.head))
  end)

  it("that a forced push has replaced is refused", function()
    local now = stream("pushed", 5)
    local made = sh.run(("git --git-dir=%s/t.git rev-parse pushed~2"):format(dir))
    assert.equal("FROM scratch\n# pushed 3\n", tree(made, { branch = "pushed" }))
    stream("pushed", 2, commits.deep)
    refused(tree(now, { branch = "pushed" }), "is not on the branch pushed")
    refused(tree(made, { branch = "pushed" }), "is not on the branch pushed")
  end)

  it("that no repository has is refused, on the branch or not", function()
    local none = ("ab"):rep(20)
    refused(tree(none), ("the commit %s is not on the branch main of file://"):format(none))
    local failure = tree(none, { on_branch = false })
    refused(failure, ("no commit %s that is served by its id, nor on the branch main, at file://"):format(none))
    assert.is_nil(failure.hint)
  end)

  it("below the greatest depth is refused, and the message has that depth", function()
    history.depths = { 2, 10 }
    refused(tree(commits.deep), "is not among the newest 10 commits of the branch main")
  end)

  it("on a branch that does not exist is an error about the branch", function()
    local failure = tree(commits.head, { branch = "gone" })
    refused(failure, "no branch gone at file://")
    assert.equal("branch", failure.missing)
  end)

  it("is looked for within the bound of a fetch", function()
    sh.run(("git --git-dir=%s/t.git config uploadpack.allowFilter false"):format(dir))
    local failure = tree(commits.deep, { bytes = -(1 << 20) })
    sh.run(("git --git-dir=%s/t.git config uploadpack.allowFilter true"):format(dir))
    assert.equal("template", failure.kind)
    assert.equal("bytes", failure.bound)
  end)

  it("has 64 digits in a repository of SHA-256", function()
    finally(function()
      sh.run(("rm -rf %s/t.git && mv %s/t.sha1 %s/t.git"):format(dir, dir, dir))
    end)
    sh.run(("mv %s/t.git %s/t.sha1"):format(dir, dir))
    new_repository "sha256"
    local head = stream("main", 100)
    local deep = sh.run(("git --git-dir=%s/t.git rev-parse main~97"):format(dir))
    local other = stream("other", 1, deep)
    assert.equal(64, #head)
    assert.equal("FROM scratch\n# main 3\n", tree(deep))
    refused(tree(other), "is not on the branch main")
  end)
end)
