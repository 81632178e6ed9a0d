-- What a fetch depends on apart from the forge: this machine, its user's settings, and failures that are over in a moment.
local fetching = require "spec.support.fetching"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a fetch", function()
  local f = fetching.new()
  local commit, fetch, check, warnings = f.commit, f.fetch, f.check, f.warnings
  local w, repository

  setup(function() w, repository = f.start() end)
  teardown(f.stop)
  before_each(f.clean)

  --- The types and modes of a tree, without its root.
  local function modes(sha)
    return sh.run(("cd %s/hermes/%s && find . -mindepth 1 -printf '%%P %%y %%m\\n' | sort"):format(w.cache, sha:sub(1, 12)))
  end

  it("gives one tree, whatever the umask and the rights of a directory above are", function()
    local sha = commit("one", "mkdir -p a/b && echo x >a/b/f && echo x >a/run && chmod 755 a/run && ln -sf run a/link")
    local want = "Dockerfile f 644\na d 755\na/b d 755\na/b/f f 644\na/link l 777\na/run f 755\nnoise f 644\nsays f 644"
    for _, prepare in ipairs { "umask 077", "umask 002", "umask 027", "umask 022; mkdir -p CACHE && chmod 2770 CACHE" } do
      sh.run("rm -rf " .. w.cache)
      local run = fetch(nil,
        { prefix = "sh -c '" .. prepare:gsub("CACHE", w.cache) .. "; exec \"$@\"' sh" })
      assert.equal(0, run.status, run.stderr)
      assert.equal(want, modes(sha))
      for _, part in ipairs { "/hermes", "/locks", "/tmp", "/repositories" } do
        assert.equal("700", sh.run(("stat -c %%a %s%s | sed 's/^2//'"):format(w.cache, part)))
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
    sh.run(("git clone -q %s/repos/org/t-hermes.git %s/clone 2>/dev/null"):format(w.forge, w.dir))
    for _, settings in ipairs { "", "[core]\n\tautocrlf = true\n\teol = crlf\n", "[core]\n\tautocrlf = input\n" } do
      sh.write(w.home .. "/.gitconfig", settings)
      sh.run("rm -rf " .. w.cache)
      local run = fetch()
      assert.equal(0, run.status, run.stderr)
      sh.run(("diff -r --exclude=.git %s/clone %s/hermes/%s"):format(w.dir, w.cache, sha:sub(1, 12)))
    end
    sh.run(("rm -r %s/clone"):format(w.dir))
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
    assert.truthy(sh.read(repository .. "/refs/molbuild/head"))
  end)

  -- What this machine does ---------------------------------------------------------------------------------------------

  --- A git that prints WORDS and fails for one command of its own.
  local function failing(command, words)
    local bin = w.dir .. "/bin"
    sh.run("mkdir -p " .. bin)
    sh.write(bin .. "/git", ("#!/bin/sh\ncase \" $* \" in *\" %s \"*) echo '%s' >&2; exit 128;; esac\nexec %s \"$@\"\n"):format(
      command, words, sh.run "command -v git"))
    sh.run("chmod +x " .. bin .. "/git")
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
      local held = sh.run(("ls %s/objects/pack"):format(repository))
      commit "two"
      local run = fetch(failing(command, words))
      assert.equal(1, run.status, run.stderr)
      assert.truthy(run.stderr:find(hint, 1, true), run.stderr)
      assert.equal(0, warnings(run.stderr))
      for name in held:gmatch "%S+" do
        assert.truthy(sh.run(("ls %s/objects/pack"):format(repository)):find(name, 1, true))
      end
    end)
  end

  it("continues in a working directory that was removed", function()
    check(commit "one")
    local sha = commit "two"
    sh.run("mkdir -p " .. w.dir .. "/gone")
    local run = fetch(nil,
      { prefix = ([[sh -c 'cd %s/gone; rmdir %s/gone; exec "$@"' sh]]):format(w.dir, w.dir) })
    assert.equal(0, run.status, run.stderr)
    assert.equal(0, warnings(run.stderr))
    assert.equal(sha, sh.run("cat " .. repository .. "/refs/molbuild/head"))
  end)
end)
