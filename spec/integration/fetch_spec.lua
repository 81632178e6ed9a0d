-- The kept repository of a runtime: the cost of a fetch, and how little of its content is trusted.
local fetching = require "spec.support.fetching"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local MIB = 1024 * 1024

describe("a fetch", function()
  local f = fetching.new()
  local commit, fetch, check, warnings = f.commit, f.fetch, f.check, f.warnings
  local w, repository, seen

  setup(function() w, repository = f.start() end)
  teardown(f.stop)

  before_each(function()
    f.clean()
    seen = #w:requests "git-upload-pack"
  end)

  --- What the forge has sent since it was last asked, of git's.
  local function sent()
    local bytes, count = 0, 0
    for _, line in ipairs(w:requests "git-upload-pack") do
      count = count + 1
      bytes = bytes + (count > seen and tonumber(line:match "^[^\t]*\t[^\t]*\t[^\t]*\t[^\t]*\t(%d+)") or 0)
    end
    seen = count
    return bytes
  end

  --- A template of MIB that nothing can compress, served in no time.
  local function make_large(mib)
    commit "one"
    local git = ("git --git-dir=%s/repos/org/t-hermes.git "):format(w.forge)
    sh.run(git .. "config core.bigFileThreshold 64k && " .. git .. "config core.compression 0")
    sh.run(("cd %s/work/org/t-hermes && git config core.bigFileThreshold 64k && git config core.compression 0")
      :format(w.dir))
    return commit("one", ("mkdir data && head -c %d /dev/urandom | split -b 262144 -a 3 - data/"):format(mib * MIB))
  end

  it("of a new commit moves what has changed, and no more", function()
    local first = make_large(4)
    for _, prefix in ipairs { w.http, w.old } do
      local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = prefix .. "/org/t-" }
      sh.run(("git --git-dir=%s/repos/org/t-hermes.git update-ref refs/heads/main %s && rm -rf %s"):format(
        w.forge, first, w.cache))
      sh.run(("git -C %s/work/org/t-hermes reset -q --hard %s"):format(w.dir, first))
      check(first, env)
      assert.is_true(sent() > 4 * MIB)
      local second = commit("two", "head -c 262144 /dev/urandom >data/aab")
      assert.equal(0, warnings(check(second, env)))
      local bytes = sent()
      assert.is_true(bytes > 262144 and bytes < MIB, bytes .. " bytes")
    end
  end)

  it("that was killed leaves nothing that the next one minds", function()
    local sha = make_large(4)
    -- A wire that stops in the middle.
    local hook, halted = w.forge .. "/home/hook", w.forge .. "/home/halted"
    sh.write(w.forge .. "/home/.gitconfig", ("[uploadpack]\n\tpackObjectsHook = sh %s\n"):format(hook))
    sh.write(hook, ('"$@" | { head -c 2000000; touch %s; while [ -e %s ]; do sleep 0.1; done; cat; }\n'):format(halted, halted))
    local run = w:start_fetch "hermes"
    sh.wait_for(function()
      return sh.read(halted) and os.execute("ls " .. repository .. "/objects/pack/tmp_pack_* >/dev/null 2>&1")
    end)
    run:signal "KILL"
    run:wait()
    sh.run(("rm %s %s/home/.gitconfig"):format(halted, w.forge))
    assert.is_nil(sh.read(repository .. "/refs/molbuild/head"))
    assert.equal(0, warnings(check(sha)))
    local packs = sh.run("ls " .. repository .. "/objects/pack")
    assert.truthy(packs:find "^pack%-%x+%.idx\npack%-%x+%.pack$", packs)
  end)

  it("that was ended keeps what was there before", function()
    commit "one"
    assert.equal(0, fetch().status)
    local sha = commit "two"
    w:delay("/org/t-hermes/git-upload-pack", "30")
    local before = #w:requests "info/refs"
    local run = w:start_fetch "hermes"
    sh.wait_for(function() return #w:requests "info/refs" > before end)
    run:signal "TERM"
    assert.equal(143, run:wait().status)
    w:relent "/org/t-hermes/git-upload-pack"
    sent()
    assert.equal(0, warnings(check(sha)))
    assert.is_true(sent() < 10000)
  end)

  it("clears away what a killed one left beside what it can use", function()
    commit "one"
    assert.equal(0, fetch().status)
    sent()
    sh.run(([[cd %s && touch shallow.lock HEAD.lock config.lock refs/molbuild/head.lock FETCH_HEAD index.lock
      mkdir objects/ab && touch objects/ab/tmp_obj_x
      cd objects/pack && touch tmp_pack_x tmp_idx_x pack-%s.pack && for pack in pack-*.idx; do touch ${pack%%idx}keep; done]])
      :format(repository, ("a"):rep(40)))
    assert.equal(0, warnings(check(commit "two")))
    assert.is_true(sent() < 10000)
    assert.equal("HEAD config info objects refs shallow", (sh.run("ls " .. repository):gsub("\n", " ")))
    assert.equal("", sh.run("find " .. repository .. " -name '*.lock' -o -name '*tmp*' -o -name '*.keep'"))
  end)

  -- A repository that git cannot use is removed, with a warning; in some cases git itself finds that it has
  -- nothing to offer to the server.
  for name, case in pairs {
    ["a pack with other bytes in it"] = { 1, "chmod u+w objects/pack/*.pack; "
      .. "dd if=/dev/zero of=$(echo objects/pack/*.pack) bs=1000 seek=1 count=200 conv=notrunc 2>/dev/null" },
    ["a reference that is none"] = { 1, "echo nonsense >refs/molbuild/head" },
    ["a shallow file that is none"] = { 1, "echo nonsense >shallow" },
    ["an empty configuration"] = { 1, ": >config" },
    ["another format of objects"] = { 1, "rm -rf * && git init -q --bare --object-format=sha256 ." },
    ["a file where it should be"] = { 1, 'rm -rf "$PWD" && touch "$PWD"' },
    ["a link where it should be"] = { 1, 'mv "$PWD" "$PWD.away" && ln -s "$PWD.away" "$PWD"' },
    ["a pack that is cut short"] = { 0, "chmod u+w objects/pack/*.pack; truncate -s 1000 objects/pack/*.pack" },
    ["an index with nothing in it"] = { 0, "chmod u+w objects/pack/*.idx; : >$(echo objects/pack/*.idx)" },
    ["no packs"] = { 0, "rm -rf objects" },
    ["a reference to nothing"] = { 0, "printf '%040d\\n' 0 >refs/molbuild/head" },
  } do
    it("fetches all where it finds " .. name, function()
      commit "one"
      assert.equal(0, fetch().status)
      sh.run(("cd %s && "):format(repository) .. case[2])
      sent()
      local said = check(commit "two")
      assert.equal(case[1], warnings(said), said)
      assert.is_true(sent() > 100000)
      assert.equal(0, warnings(check(commit "three")))
      assert.is_true(sent() < 10000)
    end)
  end

  it("minds no HEAD and no references but its own", function()
    commit "one"
    assert.equal(0, fetch().status)
    sh.run(("cd %s && : >HEAD && mkdir refs/heads refs/replace && echo nonsense | tee refs/heads/x packed-refs >refs/replace/y")
      :format(repository))
    assert.equal(0, warnings(check(commit "two")))
  end)

  it("runs nothing that another process wrote into the repository", function()
    commit "one"
    assert.equal(0, fetch().status)
    sh.write(w.dir .. "/planted", ("#!/bin/sh\ntouch %s/ran\n"):format(w.dir))
    sh.run(([[cd %s && chmod +x ../../../planted
      git config core.fsmonitor %s/planted; git config core.hooksPath %s/hooks
      git config url.file:///nonexistent/.insteadOf http; git config filter.x.smudge %s/planted
      git config remote.origin.uploadpack %s/planted; git config core.gitProxy %s/planted; git config core.sshCommand %s/planted
      echo '* filter=x' >info/attributes; mkdir -p info ../hooks hooks objects/info
      for hook in post-checkout reference-transaction post-index-change; do
        ln -s %s/planted hooks/$hook; ln -s %s/planted ../hooks/$hook
      done
      echo %s/repos/org/t-hermes.git/objects >objects/info/alternates; echo /nonexistent >commondir]])
      :format(repository, w.dir, w.cache .. "/repositories", w.dir, w.dir, w.dir, w.dir, w.dir, w.dir, w.forge))
    assert.equal(1, warnings(check(commit "two")))
    assert.is_nil(sh.read(w.dir .. "/ran"))
    assert.equal("HEAD config info objects refs shallow", (sh.run("ls " .. repository):gsub("\n", " ")))
    -- Where the configuration is ours, no less.
    sh.run(("cd %s && mkdir hooks objects/info && for hook in post-checkout reference-transaction post-index-change; do "
      .. "ln -s %s/planted hooks/$hook; done; echo /nonexistent | tee commondir >objects/info/alternates")
      :format(repository, w.dir))
    assert.equal(0, warnings(check(commit "three")))
    assert.is_nil(sh.read(w.dir .. "/ran"))
  end)

  it("uses nothing that another origin gave", function()
    local sha = commit "one"
    assert.equal(0, fetch().status)
    sent()
    assert.equal(1, warnings(check(sha, { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.old .. "/org/t-" })))
    assert.is_true(sent() > 100000)
  end)

  if sh.run "id -u" == "0" then
    it("uses nothing that another user owns", function()
      commit "one"
      assert.equal(0, fetch().status)
      sh.run("chown -R 65534 " .. repository)
      assert.equal(1, warnings(check(commit "two")))
      assert.equal("root", sh.run(("ls -ld %s | awk '{ print $3 }'"):format(repository)))
    end)
  end

  it("of the commit that is there asks for nothing", function()
    local sha = commit "one"
    assert.equal(0, fetch().status)
    sent()
    check(sha)
    assert.equal(0, sent())
  end)

  it("follows a branch back, and to one that shares nothing with it", function()
    local git = ("git -C %s/work/org/t-hermes "):format(w.dir)
    local first = commit "one"
    check(first)
    check(commit "two")
    sh.run(("%s reset -q --hard %s && %s push -q -f %s/repos/org/t-hermes.git main"):format(git, first, git, w.forge))
    assert.equal(0, warnings(check(first)))
    sh.run(git .. "checkout -q --orphan other && " .. git .. "branch -q -D main && " .. git .. "branch -q -m main")
    local sha = commit "three"
    sh.run(("git --git-dir=%s/repos/org/t-hermes.git gc -q --prune=now"):format(w.forge))
    assert.equal(0, warnings(check(sha)))
  end)

  it("is small whatever the user's git settings say", function()
    sh.run(("HOME=%s git config --global fetch.prune true && HOME=%s git config --global fetch.negotiationAlgorithm noop"
      .. " && HOME=%s git config --global fetch.unpackLimit 1000 && HOME=%s git config --global core.bare false")
      :format(w.home, w.home, w.home, w.home))
    commit "one"
    assert.equal(0, fetch().status)
    sent()
    assert.equal(0, warnings(check(commit "two")))
    assert.is_true(sent() < 10000)
  end)

  it("keeps what it has when the forge cannot be asked", function()
    commit "one"
    assert.equal(0, fetch().status)
    local sha = commit "two"
    w:respond("/org/t-hermes/info/refs", "Status: 502\r\n\r\nbad gateway")
    local run = fetch()
    assert.equal(4, run.status)
    assert.equal(0, warnings(run.stderr))
    w:relent "/org/t-hermes/info/refs"
    sent()
    assert.equal(0, warnings(check(sha)))
    assert.is_true(sent() < 10000)
  end)

  it("keeps no tree that is past its bounds, nor its objects", function()
    commit "one"
    assert.equal(0, fetch().status)
    commit("two", "head -c 300000 /dev/urandom >large")
    local run = fetch { MOLECULE_TEMPLATE_MAX_BYTES = "2000000", MOLECULE_TEMPLATE_MAX_FILES = "3" }
    assert.equal(7, run.status, run.stderr)
    assert.equal("", sh.run(("ls %s/repositories %s/tmp"):format(w.cache, w.cache)):gsub("%S+:\n*", ""))
  end)

  it("writes the token nowhere", function()
    local env = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-", MOLECULE_GITEA_TOKEN = w.token }
    for _, says in ipairs { "one", "two" } do
      w:commit("private", "hermes", world.template_files(says))
      local run = fetch(env)
      assert.equal(0, run.status, run.stderr)
    end
    local basic = sh.run(("printf 'oauth2:%%s' %s | base64 -w0"):format(w.token))
    assert.equal("", sh.run(("grep -rlaF -e %s -e %s %s || true"):format(w.token, basic, w.cache)))
  end)

  it("keeps the repository small, however many commits there were", function()
    local first = commit "0"
    check(first)
    local most = 0
    for number = 1, 22 do
      local sha = commit(tostring(number))
      assert.equal(0, fetch().status)
      assert.equal(sha, sh.run("cat " .. repository .. "/refs/molbuild/head"))
      most = math.max(most, tonumber(sh.run("ls " .. repository .. "/objects/pack | wc -l")))
    end
    assert.is_true(most > 30 and most <= 40, most .. " files")
    assert.is_true(tonumber(sh.run("ls " .. repository .. "/objects/pack | wc -l")) <= 6)
    assert.is_nil(os.execute(("git --git-dir=%s cat-file -e %s 2>/dev/null"):format(repository, first)))
    check(commit "last")
  end)

  it("takes the ids of SHA-256", function()
    local work, bare = w.dir .. "/work/org/t-hermes", w.forge .. "/repos/org/t-hermes.git"
    sh.run(("mkdir -p %s %s/repos/org && git init -q -b main --object-format=sha256 --separate-git-dir=%s %s"):format(
      work, w.forge, bare, work))
    local sha = commit "one"
    assert.equal(64, #sha)
    assert.equal(0, warnings(check(sha)))
    sent()
    assert.equal(0, warnings(check(commit "two")))
    assert.is_true(sent() < 10000)
  end)
end)
