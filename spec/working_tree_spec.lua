-- Builds from a directory as it is: what belongs to it, its digest, its copy.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local sh = require "spec.support.sh"
local task = require "molbuild.base.task"
local working_tree = require "molbuild.machine.working_tree"

describe("a working tree", function()
  local dir, job

  before_each(function()
    dir = sh.temporary "tree"
    job = {
      working_tree = dir .. "/t", cache = dir .. "/cache", max_files = 100, max_bytes = 100000, labels = {},
      variables = { cache = "THE_CACHE" },
    }
    sh.run("mkdir " .. dir .. "/t")
  end)
  after_each(function() sh.remove(dir) end)

  local function git(commands)
    sh.run(("cd %s/t && git init -q && %s && git add -A . && git -c user.name=s -c user.email=s@s commit -qm x"):format(
      dir, commands))
  end

  local function here(commands) sh.run(("cd %s/t && %s"):format(dir, commands)) end

  local function digest()
    return task.run(function() return working_tree.digest(job) end)
  end

  -- What the copy has: a line for each entry.
  local function copied()
    job.sha = digest()
    task.run(function() return working_tree.copy(job, dir .. "/copy") end)
    return sh.run(("cd %s/copy && find . -mindepth 1 -printf '%%y %%m %%P\\n' | LC_ALL=C sort -k3 | sed 's/^l 777/l/'"):format(dir))
  end

  local function failure_of(fn)
    local ok, failure = pcall(fn)
    assert.is_false(ok)
    return errors.object(failure)
  end

  it("without git has everything but repositories' own files", function()
    here "mkdir -p a/b empty sub/.git && echo 1 >a/b/c && echo x >run && chmod 711 run && ln -s run l && ln -s ../.. out"
    here "echo y >'n\tl' && echo no >sub/.git/config"
    assert.equal("d 755 a\nd 755 a/b\nf 644 a/b/c\nd 755 empty\nl l\nf 644 n\tl\nl out\nf 755 run\nd 755 sub", copied())
    assert.equal("dev-" .. job.sha, job.labels["org.opencontainers.image.revision"])
  end)

  it("of git has what git would commit", function()
    git("mkdir -p a z && echo k >a/kept && echo g >gone && echo x >z/x && echo '*.log' >.gitignore && "
      .. "echo f >forced.log && git add -f forced.log")
    here "rm gone && echo new >a/new && echo no >no.log && mkdir empty && rm -r z && ln -s a z && mkdir -p .git/info"
    here "echo private >>.git/info/exclude && echo p >private && git init -q other && echo o >other/o"
    assert.equal("f 644 .gitignore\nd 755 a\nf 644 a/kept\nf 644 a/new\nf 644 forced.log\nd 755 other\nl z", copied())
  end)

  it("below a git work tree has what git would commit of it, and all where git ignores it", function()
    git "mkdir t && echo x >t/x && echo '*.log' >.gitignore && echo ignored >>.gitignore"
    here "echo no >t/no.log && mkdir ignored && echo y >ignored/y && echo log >ignored/a.log"
    job.working_tree = dir .. "/t/t"
    assert.equal("f 644 x", copied())
    job.working_tree = dir .. "/t/ignored"
    assert.equal("f 644 a.log\nf 644 y", copied())
  end)

  it("has a digest that contents, names, types and programs change, and nothing else", function()
    here "echo 1 >f && ln -s f l && mkdir d"
    local seen, first = {}, digest()
    seen[first] = true
    for _, change in ipairs { "echo 2 >f", "mv f g", "chmod +x g", "ln -sf g l", "rm l", "echo g >l", "rmdir d", "mkdir e" } do
      here(change)
      local now = digest()
      assert.is_nil(seen[now], change)
      seen[now] = true
    end
    local last = digest()
    here "touch -d 2001-01-01 g && chmod 700 g && git init -q x 2>/dev/null; rm -rf x"
    assert.equal(last, digest())
    sh.run(("cp -a %s/t %s/same"):format(dir, dir))
    job.working_tree = dir .. "/same"
    assert.equal(last, digest())
  end)

  it("that changes between its digest and its copy is not built", function()
    here "echo 1 >f"
    job.sha = digest()
    for _, change in ipairs { "echo 2 >f", "echo 1 >f && echo 3 >g", "rm -f f g" } do
      here(change)
      local failure = failure_of(function() task.run(function() working_tree.copy(job, dir .. "/copy") end) end)
      assert.truthy(failure.message:find("changed while it was read", 1, true), failure.message)
      assert.is_true(errors.retry(failure))
    end
  end)

  for what, case in pairs {
    ["a FIFO"] = { "mkfifo f", "template", "the tree holds f, a FIFO" },
    ["a socket"] = {
      "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'", "template", "the tree holds s, a socket",
    },
    ["more files than allowed"] = { "for i in $(seq 101); do : >$i; done", "template", "the tree holds more than 100 files" },
    ["more directories than allowed"] = {
      "for i in $(seq 101); do mkdir $i; done", "template", "the tree holds more than 100 files and directories",
    },
    ["more bytes than allowed"] = { "truncate -s 100001 f", "template", "the tree is larger than 100000 bytes" },
    ["the cache in it"] = { "mkdir cache", "usage", "--dir: the cache's directory cache is within the tree" },
  } do
    it("is refused with " .. what, function()
      here(case[1])
      if case[2] == "usage" then job.cache = dir .. "/t/cache" end
      local failure = failure_of(digest)
      assert.equal(case[2], failure.kind)
      assert.equal(case[3], failure.message:sub(1, #case[3]))
    end)
  end

  it("is refused when it is none, and when git cannot be asked about it", function()
    job.working_tree = dir .. "/none"
    assert.equal("usage", failure_of(digest).kind)
    sh.write(dir .. "/file", "x")
    job.working_tree = dir .. "/file"
    assert.truthy(failure_of(digest).message:find("is not a directory", 1, true))
    job.working_tree = dir .. "/t"
    git "echo x >x"
    sh.write(dir .. "/t/.git/index", "broken")
    assert.truthy(failure_of(digest).message:find("git ls-files", 1, true))
  end)

  it("of git runs no program that its repository names", function()
    git "echo x >x"
    here(("git config core.fsmonitor 'touch %s/ran; false' && git config core.hooksPath %s"):format(dir, dir))
    digest()
    assert.is_nil(core.fs.lstat(dir .. "/ran"))
  end)

  it("is read through a link to it", function()
    here "echo x >x"
    local direct = digest()
    sh.run(("ln -s t %s/link"):format(dir))
    job.working_tree = dir .. "/link"
    assert.equal(direct, digest())
    assert.equal("f 644 x", copied())
  end)
end)
