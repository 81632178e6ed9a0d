-- The main job, step by step, with a real forge, git and engine.
local docker = require "spec.support.docker"
local record = require "spec.support.record"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local KNOWN = "autogen, claude-code, codex, crewai, deepagents, gemini-cli, hermes, langgraph, openclaw"

describe("ensure.lua", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function commit(runtime, says)
    return w:commit("org", runtime or "claude-code", world.template_files(says or "hello"))
  end

  -- Its image runs.
  local function commit_program(says)
    return w:commit("org", "claude-code", world.program_files(says))
  end

  --- A PATH on which another `docker` comes first: a shell script, by which `docker` itself is found behind it.
  local function shimmed(script)
    local bin = w.dir .. "/bin"
    sh.run("mkdir " .. bin)
    sh.write(bin .. "/docker", ("#!/bin/sh\nPATH=%s\n%s"):format(os.getenv "PATH", script))
    sh.run("chmod +x " .. bin .. "/docker")
    return bin .. ":" .. os.getenv "PATH"
  end

  it("builds the image of the branch's commit and prints its tag, and nothing else, on stdout", function()
    local sha = commit_program "hello"
    local run = w:ensure "claude-code"
    assert.equal(0, run.status, run.stderr)
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
    assert.equal(tag .. "\n", run.stdout)
    assert.equal("hello", sh.run("docker run --rm --network none " .. tag))
  end)

  it("moves :latest to it", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    local name = "molecule-local/workspace-template-claude-code:"
    assert.equal(docker.id(name .. sha:sub(1, 12)), docker.id(name .. "latest"))
  end)

  it("neither clones nor builds on a hit, and moves :latest there", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    docker.remove "molecule-local/workspace-template-claude-code:latest"
    sh.run("rm -rf " .. w.cache)
    local before = #w:requests "git-upload-pack"
    local run = w:ensure "claude-code"
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout)
    assert.equal(before, #w:requests "git-upload-pack")
    assert.is_nil(sh.read(w.cache .. "/locks/claude-code.lock"))
    docker.id "molecule-local/workspace-template-claude-code:latest"
  end)

  it("builds again when the branch has moved", function()
    commit("claude-code", "one")
    assert.equal(0, w:ensure("claude-code").status)
    local sha = commit_program "two"
    local run = w:ensure "claude-code"
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout)
    assert.equal("two\n", docker.file("molecule-local/workspace-template-claude-code:latest", "/bin/says"))
  end)

  it("refuses an unknown runtime before anything else", function()
    local run = w:ensure("x", { PATH = "/nonexistent" })
    assert.equal(2, run.status)
    assert.equal("", run.stdout)
    assert.truthy(run.stderr:find(('refusing to build unknown runtime "x" (must be one of %s)'):format(KNOWN), 1, true))
    assert.equal(0, #w:requests "/api/")
  end)

  it("prints the registry's image and builds nothing in registry mode", function()
    local run = w:ensure("hermes", { MOLECULE_IMAGE_REGISTRY = "registry.example/x", PATH = "/nonexistent" })
    assert.equal(0, run.status, run.stderr)
    assert.equal("registry.example/x/workspace-template-hermes:latest\n", run.stdout)
    assert.equal(0, #w:requests "/api/")
  end)

  it("builds locally when the registry is empty", function()
    local sha = commit()
    local run = w:ensure("claude-code", { MOLECULE_IMAGE_REGISTRY = "" })
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout)
  end)

  for _, tool in ipairs { "docker", "git" } do
    it("says that " .. tool .. " is missing, and what to do", function()
      local bin = w.dir .. "/bin"
      local other = tool == "docker" and "git" or "docker"
      sh.run(("mkdir %s && ln -s $(command -v %s) %s/%s"):format(bin, other, bin, other))
      local run = w:ensure("claude-code", { PATH = bin })
      assert.equal(3, run.status)
      assert.truthy(run.stderr:find(('"%s" not found on PATH — local-build mode requires both docker and git; either '
        .. "install them, or set MOLECULE_IMAGE_REGISTRY so local-build is bypassed"):format(tool), 1, true), run.stderr)
      assert.equal("", run.stdout)
    end)
  end

  it("ends before the clone when the engine cannot be reached", function()
    commit()
    local run = w:ensure("claude-code", { DOCKER_HOST = "unix:///nonexistent/docker.sock" })
    assert.equal(3, run.status)
    assert.truthy(run.stderr:find("hint: start it", 1, true))
    assert.equal(0, #w:requests "git-upload-pack")
  end)

  it("says that a repository is not there", function()
    local run = w:ensure "claude-code"
    assert.equal(6, run.status)
    local api = w.http .. "/api/v1/repos/org/t-claude-code/branches/main"
    assert.truthy(run.stderr:find(('cannot determine HEAD sha for runtime "claude-code" at %s/org/t-claude-code: '
      .. 'repo not found at %s — runtime "claude-code" may not be mirrored to Gitea'):format(w.http, api), 1, true), run.stderr)
  end)

  it("says that a token is wanted, and takes it", function()
    local sha = w:commit("private", "claude-code", world.template_files "hidden")
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-" }
    local run = w:ensure("claude-code", env)
    assert.equal(5, run.status)
    assert.truthy(run.stderr:find("auth failure (401) at " .. w.http
      .. "/api/v1/repos/private/t-claude-code/branches/main — verify MOLECULE_GITEA_TOKEN if private repo", 1, true))
    env.MOLECULE_GITEA_TOKEN = w.token
    run = w:ensure("claude-code", env)
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
  end)

  it("says that the forge cannot be reached", function()
    local run = w:ensure("claude-code", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "http://127.0.0.1:1/org/t-" })
    assert.equal(4, run.status)
    assert.truthy(run.stderr:find(
      'cannot determine HEAD sha for runtime "claude-code" at http://127.0.0.1:1/org/t-claude-code: ', 1, true))
  end)

  it("reads commit.id, whatever other ids there are", function()
    local sha = commit()
    w:answer(200, ('{"id":"%s","commit":{"author":{"id":"%s"},"id":"%s"}}'):format(("1"):rep(40), ("2"):rep(40), sha))
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", w:ensure("claude-code").stdout)
  end)

  it("refuses a short sha", function()
    w:answer(200, '{"commit":{"id":"8fbd668aa001"}}')
    local run = w:ensure "claude-code"
    assert.equal(4, run.status)
    assert.truthy(run.stderr:find("short sha", 1, true))
  end)

  for name, body in pairs {
    ["a list"] = "[]",
    ["null"] = "null",
    ["no commit"] = '{"commit":null}',
    ["a number for the commit"] = '{"commit":7}',
    ["a number for the id"] = '{"commit":{"id":1234567890}}',
    ["an id that leaves the directory"] = '{"commit":{"id":"../../../../../../../../../../../etc/passwd1"}}',
    ["upper case"] = '{"commit":{"id":"' .. ("A"):rep(40) .. '"}}',
    ["41 digits"] = '{"commit":{"id":"' .. ("a"):rep(41) .. '"}}',
    ["64 KiB of ["] = ("["):rep(65536),
    ["a body past the bound"] = (" "):rep((4 << 20) + 1),
    ["a truncated body"] = '{"commit":{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ["HTML"] = "<html><body>It works!</body></html>",
    ["nothing"] = "",
  } do
    it("answers with one line and exit 4 to " .. name, function()
      w:answer(200, body)
      local run = w:ensure "claude-code"
      assert.equal(4, run.status, run.stderr)
      assert.equal("", run.stdout)
      assert.is_nil(run.stderr:find("traceback", 1, true))
      local _, lines = run.stderr:gsub("molbuild: local%-build: cannot determine HEAD sha", "")
      assert.equal(1, lines)
    end)
  end

  it("answers with exit 4 to a status it does not know", function()
    w:answer(500, "oops")
    assert.equal(4, w:ensure("claude-code").status)
  end)

  it("says that a template has no Dockerfile, and removes its tree", function()
    local sha = w:commit("org", "claude-code", { README = "x" })
    local run = w:ensure "claude-code"
    assert.equal(7, run.status)
    local dir = ("%s/claude-code/%s"):format(w.cache, sha:sub(1, 12))
    assert.truthy(run.stderr:find(("cloned tree at %s has no Dockerfile (template repo malformed)"):format(dir), 1, true))
    assert.equal("", sh.run(("find %s/claude-code %s/tmp -mindepth 1 ! -name order ! -name '*.json'"):format(w.cache, w.cache)))
  end)

  it("refuses a Dockerfile that is a link out of the tree", function()
    w:commit("org", "claude-code", {}, "main", "ln -s /etc/hostname Dockerfile")
    local run = w:ensure "claude-code"
    assert.equal(7, run.status)
    assert.truthy(run.stderr:find("leads out of the tree", 1, true), run.stderr)
  end)

  it("refuses a tree past its bounds before writing it", function()
    w:commit("org", "claude-code", world.program_files "x", "main", "for i in 1 2 3 4 5; do echo $i >f$i; done")
    local run = w:ensure("claude-code", { MOLECULE_TEMPLATE_MAX_FILES = "4" })
    assert.equal(7, run.status)
    assert.truthy(run.stderr:find("the tree holds more than 4 files and directories", 1, true))
    run = w:ensure("claude-code", { MOLECULE_TEMPLATE_MAX_BYTES = "1000" })
    assert.equal(7, run.status)
    assert.truthy(run.stderr:find("the tree is larger than 1000 bytes", 1, true))
  end)

  it("reports a failing build with its last lines and its log", function()
    local sha = w:commit("org", "claude-code", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo so long; exit 3"]\n',
    })
    local run = w:ensure "claude-code"
    assert.equal(8, run.status)
    assert.equal("", run.stdout)
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
    assert.truthy(run.stderr:find("molbuild: local-build: docker build " .. tag .. ": ", 1, true), run.stderr)
    assert.truthy(run.stderr:find("so long", 1, true))
    local log = ("%s/claude-code/%s.log"):format(w.cache, sha:sub(1, 12))
    assert.truthy(run.stderr:find(log, 1, true))
    assert.truthy(sh.read(log):find("so long", 1, true))
  end)

  it("ends a build at the ceiling with exit 9", function()
    w:commit("org", "claude-code", {
      Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "600"]\n',
    })
    local run = w:bound_build("claude-code", { MOLECULE_BUILD_CEILING_S = "3" })
    assert.equal(9, run.status, run.stderr)
    assert.truthy(run.stderr:find("took longer than 3 s", 1, true))
  end)

  -- Only root can make a file system that is full.
  if sh.run "id -u" == "0" then
    it("says that the disk is full, where, and what to do, and leaves no tree behind", function()
      commit_program "too large"
      local small = w.dir .. "/small"
      sh.run(("mkdir %s && mount -t tmpfs -o size=512k tmpfs %s"):format(small, small))
      local run = w:run({ "run", "--output=json", "ensure.lua", "claude-code" }, { MOLECULE_LOCAL_BUILD_CACHE = small .. "/cache" })
      local left = sh.run(("ls %s/cache/tmp && find %s/cache/repositories -type f"):format(small, small))
      sh.run("umount " .. small)
      assert.equal(1, run.status, run.stderr)
      local failure = record.results(run.stdout)[1].error
      assert.same({ "failed", 1, true }, { failure.kind, failure.exit, failure.retry })
      local said = small .. "/cache/repositories/claude-code.git: git fetch: no space left on device\nhint: free space"
      assert.truthy(run.stderr:find(said, 1, true), run.stderr)
      assert.equal("", left)
    end)

    it("says what to do about a cache that cannot be written", function()
      commit()
      local sealed = w.dir .. "/sealed"
      sh.run(("mkdir %s && mount -t tmpfs -o ro tmpfs %s"):format(sealed, sealed))
      sh.write(w.dir .. "/a-file", "")
      for cache, said in pairs {
        [sealed .. "/cache"] = "Read-only file system", [w.dir .. "/a-file/cache"] = "Not a directory",
      } do
        local run = w:ensure("claude-code", { MOLECULE_LOCAL_BUILD_CACHE = cache })
        assert.equal(1, run.status, run.stderr)
        assert.truthy(run.stderr:find(said .. "\nhint: put the cache in a directory that you may write to\n", 1, true),
          run.stderr)
      end
      sh.run("umount " .. sealed)
    end)
  end

  it("wipes what a failed run left", function()
    commit()
    sh.run(("mkdir -p %s/tmp/claude-code.dead/tree %s/tmp/hermes.alive"):format(w.cache, w.cache))
    assert.equal(0, w:ensure("claude-code").status)
    assert.equal("hermes.alive", sh.run("ls " .. w.cache .. "/tmp"))
  end)

  it("keeps no .git in the tree", function()
    local sha = commit_program "hello"
    assert.equal(0, w:ensure("claude-code").status)
    assert.equal("Dockerfile\nbusybox\nsays", sh.run(("ls -A %s/claude-code/%s"):format(w.cache, sha:sub(1, 12))))
  end)

  it("keeps the newest trees of a day of good and failed runs", function()
    for day = 1, 5 do
      w:commit("org", "claude-code", { Dockerfile = "FROM nonsense:" .. day .. "\n" })
      assert.equal(8, w:ensure("claude-code").status)
      commit_program("day " .. day)
      assert.equal(0, w:ensure("claude-code").status)
    end
    local trees = sh.run(("ls -d %s/claude-code/*/ | wc -l"):format(w.cache))
    assert.equal("3", trees:gsub("%s", ""))
    assert.equal("claude-code\nlocks\nrepositories\ntmp", sh.run("ls " .. w.cache))
    assert.equal("claude-code.git", sh.run(("ls %s/repositories"):format(w.cache)))
    -- Ten commits of a template of 2 MiB, most of which is the same file.
    assert.is_true(tonumber(sh.run(("du -sk %s/repositories | cut -f1"):format(w.cache))) < 4096)
    assert.equal("", sh.run(("ls %s/tmp"):format(w.cache)))
  end)

  it("builds the tagged commit when the branch moves between lookup and clone", function()
    local first = commit_program "first"
    commit_program "second"
    w:answer(200, ('{"commit":{"id":"%s"}}'):format(first))
    sh.run(("git --git-dir=%s/repos/org/t-claude-code.git config uploadpack.allowAnySHA1InWant true"):format(w.forge))
    local run = w:ensure "claude-code"
    local tag = "molecule-local/workspace-template-claude-code:" .. first:sub(1, 12)
    assert.equal(tag .. "\n", run.stdout, run.stderr)
    assert.equal("first\n", docker.file(tag, "/bin/says"))
  end)

  it("never tags another commit where a server gives none by its id", function()
    local first = commit("claude-code", "first")
    commit("claude-code", "second")
    w:answer(200, ('{"commit":{"id":"%s"}}'):format(first))
    local run = w:ensure("claude-code", { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.old .. "/org/t-" })
    assert.equal(4, run.status, run.stderr)
    assert.truthy(run.stderr:find("main keeps moving at", 1, true), run.stderr)
    assert.same({}, docker.tags "molecule-local/*")
  end)

  it("rebuilds, with a warning, when the engine's answer is unusable", function()
    local sha = commit()
    assert.equal(0, w:ensure("claude-code").status)
    local path = shimmed([[
if [ "$1 $2" = "image inspect" ]; then echo nonsense; exit 0; fi
exec docker "$@"
]])
    local run = w:ensure("claude-code", { PATH = path, MOLBUILD_DOCKER_API = "0" })
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.truthy(run.stderr:find("no usable answer", 1, true), run.stderr)
    assert.truthy(run.stderr:find("build", 1, true))
  end)

  it("fails when the build ends well, but leaves no image in the engine", function()
    local sha = commit()
    -- As with a builder of buildx that is not the engine's: the image is built, and kept elsewhere.
    local path = shimmed(([[
[ "$1" = build ] || exec docker "$@"
shift
docker build "$@" && docker image rm -f molecule-local/workspace-template-claude-code:%s.unverified
]]):format(sha:sub(1, 12)))
    local run = w:ensure("claude-code", { PATH = path })
    assert.equal(8, run.status, run.stderr)
    assert.equal("", run.stdout)
    assert.truthy(run.stderr:find("the build succeeded, but the engine has no such image\nhint: ", 1, true), run.stderr)
  end)

  it("continues when :latest cannot be moved", function()
    local sha = commit()
    local path = shimmed([[
case "$1 $3" in "tag "*:latest) echo no such luck >&2; exit 1 ;; esac
exec docker "$@"
]])
    local run = w:ensure("claude-code", { PATH = path, MOLBUILD_DOCKER_API = "0" })
    assert.equal("molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.truthy(run.stderr:find("cannot tag molecule-local/workspace-template-claude-code:latest", 1, true))
  end)

  it("builds for another platform under a tag of its own", function()
    local sha = commit_program "hello"
    local run = w:ensure("claude-code", { MOLECULE_IMAGE_PLATFORM = "linux/arm64" })
    assert.equal(0, run.status, run.stderr)
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12) .. "-arm64"
    assert.equal(tag .. "\n", run.stdout)
    assert.equal("arm64", docker.image(tag).Architecture)
  end)

  it("uses $XDG_CACHE_HOME, then $HOME/.cache, for its files", function()
    local sha = commit():sub(1, 12)
    local where = "/molecule/workspace-template-build/claude-code/" .. sha .. "/Dockerfile"
    assert.equal(0, w:ensure("claude-code", { MOLECULE_LOCAL_BUILD_CACHE = false, XDG_CACHE_HOME = w.dir .. "/xdg" }).status)
    assert.truthy(sh.read(w.dir .. "/xdg" .. where))
    world.remove_images()
    assert.equal(0, w:ensure("claude-code", { MOLECULE_LOCAL_BUILD_CACHE = false }).status)
    assert.truthy(sh.read(w.home .. "/.cache" .. where))
    world.remove_images()
    assert.equal(0, w:ensure("claude-code", { MOLECULE_LOCAL_BUILD_CACHE = "", HOME = "", TMPDIR = w.dir .. "/t" }).status)
    assert.truthy(sh.read(w.dir .. "/t" .. where))
  end)
end)
