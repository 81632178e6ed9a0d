-- Templates that are hostile, or only odd: each ends in a clear error or a clean build, and nothing of theirs runs on
-- this machine.
local docker = require "spec.support.docker"
local packs = require "spec.support.packs"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes:"

--- A blob of 5 GiB of zeros, and a little; made once with git hash-object.
local HUGE = { id = "fa492e46e62cdac591142aba106ece2b0037c969", count = 2601120 }

describe("a template", function()
  local w, repository, served

  -- A directory serves as well as a forge, and starts faster.
  before_each(function()
    w = world.new { forge = false }
    repository = w.dir .. "/repos/org/t-hermes.git"
    served = { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "file://" .. w.dir .. "/repos/org/t-" }
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  local function ensure(env, options)
    local arguments = table.move(options or {}, 1, #(options or {}), 2, { "run" })
    table.move({ "ensure.lua", "hermes" }, 1, 2, #arguments + 1, arguments)
    for name, value in pairs(served) do env = env or {}; env[name] = env[name] or value end
    return w:run(arguments, env)
  end

  --- The run must fail because of the template, in one line and a hint, and leave no tree and no image.
  local function refused(words, env)
    local run = ensure(env)
    assert.equal(7, run.status, run.stderr)
    assert.equal("", run.stdout)
    assert.truthy(run.stderr:find(words, 1, true), run.stderr)
    assert.truthy(run.stderr:find("\nhint: ", 1, true), run.stderr)
    assert.is_nil(run.stderr:find "[\27\r\7]")
    assert.equal("", sh.run(("find %s -name Dockerfile"):format(w.cache)))
    assert.equal("", sh.run(("ls %s/tmp"):format(w.cache)))
    assert.same({}, docker.tags "molecule-local/*")
    return run
  end

  local function built(env, options)
    local run = ensure(env, options)
    assert.equal(0, run.status, run.stderr)
    return run, run.stdout:gsub("\n", "")
  end

  --- Publish a tree that git add would not make: SCRIPT is a shell script in the bare repository that prints its id.
  local function publish(script)
    sh.run(("test -d %s || git init -q --bare -b main %s"):format(repository, repository))
    sh.write(w.dir .. "/script", "cd " .. repository .. "\nblob() { git hash-object -w --stdin; }\nset -e\n" .. script)
    local tree = sh.run("sh " .. w.dir .. "/script")
    return sh.run(("cd %s && commit=$(git -c user.name=spec -c user.email=spec@localhost commit-tree -m x %s </dev/null) "
      .. "&& git update-ref refs/heads/main $commit && echo $commit"):format(repository, tree))
  end

  local function object(kind, data)
    sh.write(w.dir .. "/object", ("%s %d\0%s"):format(kind, #data, data))
    return packs.object(kind, sh.run("sha1sum " .. w.dir .. "/object"):match "^%x+", data)
  end

  --- Publish objects that git itself would not make, in a tree of one file for each, in a pack made by hand. KEPT, where
  --- given, is the repository in the cache: it holds them as well then, as if they had been fetched.
  local function publish_pack(objects, kept)
    sh.run("git init -q --bare -b main " .. repository)
    local rows = {}
    for index, each in ipairs(objects) do rows[index] = ("100644 f%d\0%s"):format(index, packs.binary(each.id)) end
    local tree = object("tree", table.concat(rows))
    local commit = object("commit", ("tree %s\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n\nx\n"):format(tree.id))
    for _, path in ipairs { repository, kept } do
      packs.write(path, { commit, tree, table.unpack(objects) })
      sh.run(("git -C %s update-ref %s %s"):format(path,
        path == kept and "refs/molbuild/head" or "refs/heads/main", commit.id))
    end
  end

  -- What the docker CLI reads on this machine; more of it in build_files_spec.lua -----------------------------------

  describe("whose Dockerfile is", function()
    for what, command in pairs {
      ["a link (to ../real) that leads out of the tree"] = "ln -s ../real Dockerfile",
      ["a directory"] = "mkdir Dockerfile; echo x >Dockerfile/x",
    } do
      it(what .. " is refused", function()
        w:commit("org", "hermes", {}, "main", command)
        refused(("hint: Dockerfile is %s: it must be a regular file"):format(what))
      end)
    end

    it("larger than 1 MiB is refused", function()
      w:commit("org", "hermes", { Dockerfile = "FROM scratch\n" .. ("# padding\n"):rep(110000) })
      refused "Dockerfile in the cloned tree at"
    end)
  end)

  -- Both clients read it: through a link, a file of this machine would say what the image holds.
  it("whose .dockerignore is a link to a file of this machine is refused", function()
    sh.write(w.dir .. "/private", "says\n")
    w:commit("org", "hermes", world.template_files "x", "main", "ln -s ../../../private .dockerignore")
    refused ".dockerignore is a link (to ../../../private) that leads out of the tree: it must be a regular file"
  end)

  for _, builder in ipairs { "classic", "buildkit" } do
    it("whose links lead to this machine's files gets none of them, by " .. builder, function()
      local secret = "the-content-of-a-file-of-this-machine"
      sh.run(("mkdir %s/private && printf %s >%s/private/key"):format(w.dir, secret, w.dir))
      w:commit("org", "hermes", { Dockerfile = "FROM scratch\nCOPY . /all\n" }, "main",
        ("ln -s %s/private/key key; ln -s ../../../private directory; ln -s /etc/shadow shadow"):format(w.dir))
      local env = { PATH = (builder == "buildkit" and "/usr/bin:" or "") .. os.getenv "PATH" }
      local run, tag = built(env)
      assert.truthy(run.stderr:find("warning: links lead out of the template; docker does not follow them: "
        .. "directory -> ../../../private, key -> " .. w.dir .. "/private/key, shadow -> /etc/shadow", 1, true), run.stderr)
      sh.run(("docker save -o %s/image.tar %s"):format(w.dir, tag))
      assert.equal("0", sh.run(("grep -c %s %s/image.tar || true"):format(secret, w.dir)))
      assert.equal("1", sh.run(("tar -xOf %s/image.tar --wildcards '*/layer.tar' | tar -tvf - | grep -c 'all/key -> '")
        :format(w.dir)))
      -- Asked for by name, a link is not followed either.
      w:commit("org", "hermes", { Dockerfile = "FROM scratch\nCOPY directory/key /key\n" })
      run = ensure(env)
      assert.equal(8, run.status, run.stderr)
      assert.is_nil(run.stderr:find(secret, 1, true))
    end)
  end

  -- Names --------------------------------------------------------------------------------------------------------------

  it("with odd names is built with all of them, and none reaches the terminal", function()
    local file = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY . /all\nWORKDIR /all\n"
    w:commit("org", "hermes", { Dockerfile = file }, "main",
      [[printf x >"$(printf 'new\nline')"; printf x >"$(printf 'esc\033[31m')"; printf x >./-rf; printf x >./--help
        printf x >"$(printf 'not\377utf')"; printf x >'back\slash'; printf x >'$(reboot)'; printf x >case; printf x >CASE
        ln -s /nowhere "$(printf 'link\033[2J')"]])
    local run = built(nil, { "-v" })
    assert.is_nil(run.stderr:find "[\27\xFF]")
    local listed = sh.run(("cd %s/hermes/*/ && find . | LC_ALL=C sort"):format(w.cache))
    local inside = "docker run --rm --network none " .. NAME .. "latest /bin/busybox find ."
    assert.equal(listed, sh.run(inside .. " | LC_ALL=C sort"))
    for _, name in ipairs {
      "./new", "./esc\27[31m", "./-rf", "./--help", "./not\255utf", "./back\\slash", "./case", "./CASE",
    } do
      assert.truthy(listed:find(name, 1, true), ("%q"):format(name))
    end
  end)

  for name, script in pairs {
    ["sub/.git"] = [[t=$(printf '100644 blob %s\t.git\n' $(echo x | blob) | git mktree); printf '040000 tree %s\tsub\n' $t]],
    [".GIT"] = [[printf '100644 blob %s\t.GIT\n' $(echo x | blob)]],
    ["git~1"] = [[printf '100644 blob %s\tgit~1\n' $(echo x | blob)]],
    [".g\u{200C}it"] = [[printf '100644 blob %s\t.g\342\200\214it\n' $(echo x | blob)]],
    ["../x"] = [[t=$(printf '100644 blob %s\tx\n' $(echo x | blob) | git mktree); printf '040000 tree %s\t..\n' $t]],
    [".gitmodules"] = [[printf '120000 blob %s\t.gitmodules\n' $(printf /etc/passwd | blob)]],
  } do
    it("with the name " .. name .. " is refused, whatever the user's settings", function()
      sh.write(w.home .. "/.gitconfig", "[core]\n\tprotectHFS = false\n\tprotectNTFS = false\n")
      publish("(" .. script .. ") | git mktree")
      refused(('the tree holds the name "%s", which git refuses to write'):format(name))
    end)
  end

  it("with a name that no file system takes is refused", function()
    publish [[printf '100644 blob %s\t%0300d\n' $(echo x | blob) 7 | git mktree]]
    refused "the tree holds a name that is too long for the file system"
  end)

  it("with a path that no system call takes is refused", function()
    publish [[t=$(printf '100644 blob %s\tx\n' $(echo x | blob) | git mktree)
      for i in $(seq 40); do t=$(printf '040000 tree %s\t%0200d\n' $t 7 | git mktree); done; echo $t]]
    refused "a path in the tree is longer than 3000 bytes"
  end)

  -- Bombs ----------------------------------------------------------------------------------------------------------

  local function nested(leaf, levels)
    return leaf .. ([[

      for i in $(seq %d); do
        t=$(for j in $(seq 100); do printf '040000 tree %%s\t%%s\n' $t $j; done | git mktree)
      done; echo $t]]):format(levels)
  end

  it("of a million files in a few kilobytes is refused before any is written", function()
    publish(nested([[b=$(echo x | blob)
      t=$(for j in $(seq 100); do printf '100644 blob %s\t%s\n' $b $j; done | git mktree)]], 2))
    local size = tonumber(sh.run(("du -sk %s/objects | cut -f1"):format(repository)))
    assert.is_true(size < 200, "it has " .. size .. " KiB")
    refused "the tree holds more than 20000 files and directories"
  end)

  it("of directories without end, and no file, is refused as well", function()
    publish(nested("t=$(git mktree </dev/null)", 8))
    refused "the tree holds more than 20000 files and directories"
  end)

  -- Git takes a while to read 5 GiB: here it has done so.
  it("with a file of 5 GiB is refused by its size alone, before it is written", function()
    w:commit("org", "hermes", world.template_files "x")
    built()
    world.remove_images()
    sh.run("rm -rf " .. w.cache .. "/hermes/*")
    publish_pack({ packs.zeros(HUGE.id, HUGE.count) }, w.cache .. "/repositories/hermes.git")
    local run = refused "the tree is larger than 2147483648 bytes"
    assert.is_nil(run.stderr:find("everything is fetched again", 1, true), run.stderr)
  end)

  it("with a file past the bound is refused before it is written, and takes no memory", function()
    sh.run("git init -q --bare -b main " .. repository)
    sh.run(("truncate -s 60M %s/huge"):format(w.dir))
    publish(("id=$(git -c core.bigFileThreshold=1m hash-object -w %s/huge)\n"):format(w.dir)
      .. "printf '100644 blob %s\\thuge\\n' $id | git mktree")
    refused("the tree is larger than 50000000 bytes", { MOLECULE_TEMPLATE_MAX_BYTES = "50000000" })
  end)

  it("with a delta that asks for 5 GiB of memory gets none of it", function()
    local base = packs.size_of_zeros(8129)
    local zeros = packs.zeros("26567786c63d283a9c22a08b13b10627416afa71", 8129)
    publish_pack { zeros, packs.copies(("b"):rep(40), zeros.id, base, 320) }
    refused "an object of the repository needs more than 1 GiB of memory"
  end)

  it("that sends more than the bound is cut off", function()
    sh.run(("git init -q --bare -b main %s && git -C %s config core.compression 0"):format(repository, repository))
    sh.run(("head -c 60000000 /dev/urandom >%s/noise"):format(w.dir))
    publish(("printf '100644 blob %%s\\tnoise\\n' $(git hash-object -w %s/noise) | git mktree"):format(w.dir))
    -- A wire that takes its time: what is over before git has said anything of it bounds itself.
    sh.write(w.home .. "/slow", '"$@" | { for i in $(seq 20); do dd bs=1M count=3 iflag=fullblock 2>/dev/null\n'
      .. "sleep 0.5; done; cat; }\n")
    sh.write(w.home .. "/.gitconfig", ("[uploadpack]\n\tpackObjectsHook = sh %s/slow\n"):format(w.home))
    refused("the fetch transfers more than 10000000 bytes", { MOLECULE_TEMPLATE_MAX_BYTES = "10000000" })
  end)

  -- What git would run ----------------------------------------------------------------------------------------------

  it("starts no filter, hook, monitor, submodule or LFS of its own or of the user's", function()
    local canary = w.dir .. "/canary"
    sh.run(("mkdir -p %s/hooks %s/template/hooks"):format(w.home, w.home))
    for _, hook in ipairs {
      "post-checkout", "post-index-change", "reference-transaction", "pre-auto-gc", "post-merge", "post-rewrite", "monitor",
    } do
      for _, place in ipairs { "hooks/", "template/hooks/" } do
        sh.write(w.home .. "/" .. place .. hook, "#!/bin/sh\necho hook " .. hook .. " >>" .. canary .. "\n")
      end
    end
    sh.run(("chmod +x %s/hooks/* %s/template/hooks/*"):format(w.home, w.home))
    sh.write(w.home .. "/attributes", "* filter=evil ident\n")
    sh.write(w.home .. "/.gitconfig", ([=[
[core]
	hooksPath = HOME/hooks
	fsmonitor = HOME/hooks/monitor
	attributesFile = HOME/attributes
	autocrlf = true
	symlinks = false
	sparseCheckout = true
[init]
	templateDir = HOME/template
[submodule]
	recurse = true
[fetch]
	recurseSubmodules = true
[protocol]
	allow = always
[filter "evil"]
	smudge = "echo smudge >>CANARY; cat"
	clean = "echo clean >>CANARY; cat"
	required = true
[filter "lfs"]
	process = "echo lfs >>CANARY"
	smudge = "echo lfs >>CANARY; cat"
	required = true
[diff "evil"]
	textconv = "echo textconv >>CANARY; cat"
[credential]
	helper = "!echo credential >>CANARY;"
[submodule "sub"]
	update = "!echo update >>CANARY"
]=]):gsub("HOME", w.home):gsub("CANARY", canary))
    local files = world.program_files "$Id$"
    files[".gitattributes"] = "[attr]all filter=evil\n* all ident diff=evil\n*.bin filter=lfs diff=lfs merge=lfs -text\n"
      .. "says filter=evil\n"
    files["big.bin"] = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    files[".lfsconfig"] = "[lfs]\n\turl = http://127.0.0.1:1/\n"
    files[".gitmodules"] = ('[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c "echo ext >>%s"\n\tupdate = !echo x\n')
      :format(canary)
    -- Committed without the settings above: HOME is another one here.
    local sha = w:commit("org", "hermes", files, "main", "ln -s says link; echo '* -filter' "
      .. ">$(git rev-parse --git-dir)/info/attributes; git update-index --add --cacheinfo 160000,"
      .. ("a"):rep(40) .. ",sub && mkdir sub")
    local run, tag = built { GIT_ALLOW_PROTOCOL = "ext:file", GIT_LFS_SKIP_SMUDGE = "0" }
    assert.is_nil(sh.read(canary))
    -- What git does itself it does.
    assert.truthy(sh.run("docker run --rm --network none " .. tag):find "^%$Id: %x+ %$$")
    local tree = ("%s/hermes/%s"):format(w.cache, sha:sub(1, 12))
    assert.equal(files["big.bin"], sh.read(tree .. "/big.bin"))
    assert.equal(files.Dockerfile, sh.read(tree .. "/Dockerfile"))
    assert.equal("says", sh.run("readlink " .. tree .. "/link"))
    assert.equal("", sh.run(("ls -A %s/sub"):format(tree)))
    assert.truthy(run.stderr:find("the template has submodules", 1, true), run.stderr)
    assert.truthy(run.stderr:find("the template keeps files in Git LFS", 1, true), run.stderr)
  end)

  it("whose build prints terminal escapes steers no terminal and spoils no log", function()
    -- The step's own text does not have the words that it prints.
    local evil = [[printf '\033]0;title\007\033[2J\033[31mred\033[0m\r\233\061mc1\n'; echo ke""pt]]
    for _, ending in ipairs { "", "; exit 3" } do
      for _, progress in ipairs { "plain", "json" } do
        local new = ("; : %s %s"):format(progress, w.dir) -- in no cache
        local sha = w:commit("org", "hermes", {
          Dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\nRUN "
            .. require "cjson".encode { "/bin/busybox", "sh", "-c", evil .. new .. ending } .. "\n",
        })
        local run = ensure(nil, { "-v", "--progress=" .. progress })
        assert.equal(ending == "" and 0 or 8, run.status, run.stderr)
        world.remove_images()
        assert.truthy(run.stderr:find("kept", 1, true))
        assert.is_nil(run.stderr:find "[\27\7\r\x9B]")
        assert.is_nil(run.stderr:find("\\u001b", 1, true))
        assert.is_nil(sh.read(("%s/hermes/%s.log"):format(w.cache, sha:sub(1, 12))):find "[\27\7\x9B]")
      end
    end
  end)
end)
