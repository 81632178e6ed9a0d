-- What a fetch depends on apart from the forge: this machine, its user's settings, and failures that are over in a moment.
local world = require "spec.support.world"

-- The shipped policy, without the engine: what is fetched is all that counts here.
local FORK = [[
local ensure = require("molbuild").load "ensure.lua"
function ensure.cached() return false end
function ensure.build() end
function ensure.prove() end
function ensure.alias() end
return ensure
]]

describe("a fetch", function()
  local w, repository

  lazy_setup(function()
    w = world.new()
    world.write(w.dir .. "/fork.lua", FORK)
    repository = w.cache .. "/repositories/hermes.git"
  end)

  lazy_teardown(function() w:close() end)

  before_each(function()
    world.sh(("rm -rf %s %s/work %s/repos/* %s/canned/* %s/home/.gitconfig"):format(w.cache, w.dir, w.forge, w.forge, w.dir))
  end)

  local function commit(says, before)
    return w:commit("org", "hermes", world.template_files(says), "main", before)
  end

  local function fetch(env)
    return w:run({ "run", w.dir .. "/fork.lua", "hermes" }, env)
  end

  --- A run that must come out right, whose tree is that of COMMIT. Gives what it said.
  local function check(sha, env)
    local run = fetch(env)
    assert.equal(0, run.status, run.stderr)
    assert.equal(sha, world.sh("cat " .. repository .. "/refs/molbuild/head"))
    return run.stderr
  end

  local function warnings(text)
    return select(2, text:gsub("is not used, everything is fetched again", ""))
  end

  --- The types and modes of a tree, without its root.
  local function modes(sha)
    return world.sh(("cd %s/hermes/%s && find . -mindepth 1 -printf '%%P %%y %%m\\n' | sort"):format(w.cache, sha:sub(1, 12)))
  end

  it("gives one tree, whatever the umask is and whatever rights a directory above hands down", function()
    local sha = commit("one", "mkdir -p a/b && echo x >a/b/f && echo x >a/run && chmod 755 a/run && ln -sf run a/link")
    local want = "Dockerfile f 644\na d 755\na/b d 755\na/b/f f 644\na/link l 777\na/run f 755\nbusybox f 755\nsays f 644"
    for _, prepare in ipairs { "umask 077", "umask 002", "umask 027", "umask 022; mkdir -p CACHE && chmod 2770 CACHE" } do
      world.sh("rm -rf " .. w.cache)
      local run = w:run({ "run", w.dir .. "/fork.lua", "hermes" }, nil, nil, "sh -c '" .. prepare:gsub("CACHE", w.cache)
        .. "; exec \"$@\"' sh")
      assert.equal(0, run.status, run.stderr)
      assert.equal(want, modes(sha))
      for _, part in ipairs { "/hermes", "/locks", "/tmp", "/repositories" } do
        assert.equal("700", world.sh(("stat -c %%a %s%s | sed 's/^2//'"):format(w.cache, part)))
      end
    end
  end)

  it("writes what a clone writes, whatever the user's line ends are", function()
    local files = world.template_files "hello"
    files[".gitattributes"] = "*.bat text eol=crlf\n*.ps1 text working-tree-encoding=UTF-16LE eol=crlf\n*.id ident\n"
      .. "*.odd working-tree-encoding=no-such-encoding\n"
    files["x.bat"], files["x.id"] = "a\r\nb\r\n", "$Id$\n"
    -- x.odd is older than the index: git would read it again otherwise, with an encoding that it does not know.
    local sha = w:commit("org", "hermes", files, "main", "printf 'a\\nb\\n' | iconv -t UTF-16LE >x.ps1; "
      .. "mv .gitattributes a; head -3 a >.gitattributes; echo odd >x.odd; touch -d '2 hours ago' x.odd; "
      .. "git add .; mv a .gitattributes")
    world.sh(("git clone -q %s/repos/org/t-hermes.git %s/clone 2>/dev/null"):format(w.forge, w.dir))
    for _, settings in ipairs { "", "[core]\n\tautocrlf = true\n\teol = crlf\n", "[core]\n\tautocrlf = input\n" } do
      world.write(w.home .. "/.gitconfig", settings)
      world.sh("rm -rf " .. w.cache)
      local run = fetch()
      assert.equal(0, run.status, run.stderr)
      world.sh(("diff -r --exclude=.git %s/clone %s/hermes/%s"):format(w.dir, w.cache, sha:sub(1, 12)))
    end
    world.sh(("rm -r %s/clone"):format(w.dir))
  end)

  -- What may be over in a moment ---------------------------------------------------------------------------------------

  for _, status in ipairs { 429, 503 } do
    it(("is tried again after a %d, with a message"):format(status), function()
      local sha = commit "one"
      w:respond("/org/t-hermes/info/refs", ("Status: %d\r\n\r\n"):format(status), 2)
      local text = check(sha)
      for attempt = 2, 3 do
        assert.truthy(text:find(("git fetch: [^\n]*%d; attempt %d of 3 in "):format(status, attempt)), text)
      end
    end)
  end

  it("is given up after three tries, and blames no repository", function()
    check(commit "one")
    commit "two"
    w:respond("/org/t-hermes/info/refs", "Status: 503\r\n\r\n")
    local run = fetch()
    w:relent "/org/t-hermes/info/refs"
    assert.equal(4, run.status, run.stderr)
    assert.equal(0, warnings(run.stderr))
    assert.truthy(world.read(repository .. "/refs/molbuild/head"))
  end)

  -- What this machine does ---------------------------------------------------------------------------------------------

  --- A git that prints WORDS and fails for one command of its own.
  local function failing(command, words)
    local bin = w.dir .. "/bin"
    world.sh("mkdir -p " .. bin)
    world.write(bin .. "/git", ("#!/bin/sh\ncase \" $* \" in *\" %s \"*) echo '%s' >&2; exit 128;; esac\nexec %s \"$@\"\n"):format(
      command, words, world.sh "command -v git"))
    world.sh("chmod +x " .. bin .. "/git")
    return { PATH = bin .. ":" .. os.getenv "PATH" }
  end

  for _, case in ipairs {
    { "fetch", "error: file write error: No space left on device", "\nhint: free space on that file system" },
    { "read-tree", "error: file write error: No space left on device", "\nhint: free space on that file system" },
    { "fetch", "error: index-pack died of signal 9", "" },
  } do
    local command, words, hint = table.unpack(case)
    it(("that fails in %s by this machine blames no repository: %s"):format(command, words), function()
      check(commit "one")
      local held = world.sh(("ls %s/objects/pack"):format(repository))
      commit "two"
      local run = fetch(failing(command, words))
      assert.equal(1, run.status, run.stderr)
      assert.truthy(run.stderr:find(hint, 1, true), run.stderr)
      assert.equal(0, warnings(run.stderr))
      for name in held:gmatch "%S+" do
        assert.truthy(world.sh(("ls %s/objects/pack"):format(repository)):find(name, 1, true))
      end
    end)
  end

  it("goes on in a working directory that was removed", function()
    check(commit "one")
    local sha = commit "two"
    world.sh("mkdir -p " .. w.dir .. "/gone")
    local run = w:run({ "run", w.dir .. "/fork.lua", "hermes" }, nil, nil,
      ([[sh -c 'p=$(realpath "$1"); shift; cd %s/gone; rmdir %s/gone; exec "$p" "$@"' sh]]):format(w.dir, w.dir))
    assert.equal(0, run.status, run.stderr)
    assert.equal(0, warnings(run.stderr))
    assert.equal(sha, world.sh("cat " .. repository .. "/refs/molbuild/head"))
  end)
end)
