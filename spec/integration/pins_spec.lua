-- Standing still: a manifest that names the commits, an older one, and a machine without a network. Seen by strace, in the
-- forge's log, and in the engine.
local docker = require "spec.support.docker"
local sh = require "spec.support.sh"
local schema = require "spec.support.schema"
local world = require "spec.support.world"

local NAME = "molecule-local/workspace-template-hermes"

describe("standing still", function()
  local w, first, second

  setup(function() w = world.new() end)
  teardown(function() w:close() end)

  before_each(function()
    w:again()
    sh.run(("rm -rf %s/work %s/repos/*"):format(w.dir, w.forge))
    first = w:commit("org", "hermes", world.template_files "one")
    second = w:commit("org", "hermes", world.template_files "two")
  end)
  after_each(world.remove_images)

  local function tag(sha) return ("%s:%s"):format(NAME, sha:sub(1, 12)) end

  local function manifest(sha)
    sh.write(w.dir .. "/manifest.json",
      ('{ "workspace_templates": [{ "name": "h", "repo": "org/t-hermes", "ref": "%s" }] }'):format(sha))
    return w.dir .. "/manifest.json"
  end

  local function run(env, ...)
    return w:run({ "run", "ensure.lua", "hermes", ... }, env)
  end

  local function plan(env)
    local done = w:run({ "plan", "--output=json", "ensure.lua", "hermes" }, env)
    assert.is_true(schema.check("verbs", done.stdout, "plan"))
    return done
  end

  local function pinned(sha, env, ...)
    local all = { MOLECULE_MANIFEST = manifest(sha) }
    for name, value in pairs(env or {}) do all[name] = value end
    return run(all, ...)
  end

  -- A run that connects only to the engine's socket, and reads nothing that resolves a name.
  local function still(env)
    local trace = w.dir .. "/trace"
    local done = w:run({ "run", "ensure.lua", "hermes" }, env, { prefix = "strace -f -s 256 -o " .. trace })
    local seen = assert(sh.read(trace))
    for line in seen:gmatch "[^\n]+" do
      local connects = line:find("connect(", 1, true) or line:find("sendmmsg(", 1, true)
      assert.falsy(connects and not line:find('sun_path="[^"]*docker.sock"'), line)
      assert.falsy(line:find "AF_INET" or line:find "resolv%.conf" or line:find "/etc/hosts" or line:find("execve(", 1, true)
        and not line:find "molbuild", line)
    end
    return done
  end

  local function latest()
    return docker.image(NAME .. ":latest").Config.Labels["org.opencontainers.image.revision"]
  end

  it("builds the commit of a manifest, and then hits it without a network", function()
    local done = pinned(first)
    assert.equal(tag(first) .. "\n", done.stdout, done.stderr)
    assert.equal(0, #w:requests "/api/")
    local requests = #w:requests ""
    -- A name that nothing resolves: it is not looked up.
    done = still { MOLECULE_MANIFEST = manifest(first), MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = "https://forge.invalid/org/t-",
      MOLECULE_GITEA_CREDENTIAL_HELPER = "1" }
    assert.equal(tag(first) .. "\n", done.stdout, done.stderr)
    assert.equal(requests, #w:requests "")
  end)

  it("goes back to an older commit without a build, and :latest too", function()
    assert.equal(0, pinned(first).status)
    assert.equal(0, run().status)
    assert.equal(second, latest())
    local done = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, { MOLECULE_MANIFEST = manifest(first) })
    assert.truthy(done.stdout:find('"outcome":"hit"', 1, true), done.stdout)
    assert.equal(first, latest())
    done = plan { MOLECULE_MANIFEST = manifest(first) }
    assert.equal(0, done.status)
    assert.truthy(done.stdout:find('"outcome":"hit".*"reason":"the commit in /.*/manifest.json"'), done.stdout)
    done = plan { MOLECULE_MANIFEST = manifest(("ab"):rep(20)) }
    assert.equal(11, done.status)
    assert.truthy(done.stdout:find('"reason":"no image of abababababab, the commit in /', 1, true), done.stdout)
  end)

  it("refuses a commit that is not on the branch, unless it may be detached", function()
    local other = w:commit("org", "hermes", world.template_files "other", "side")
    local done = pinned(other)
    assert.equal(6, done.status)
    assert.truthy(done.stderr:find(("the commit %s is not on the branch main of"):format(other), 1, true), done.stderr)
    assert.truthy(done.stderr:find("--allow-detached", 1, true), done.stderr)
    done = pinned(other, nil, "--allow-detached")
    assert.equal(tag(other) .. "\n", done.stdout, done.stderr)
  end)

  it("finds an old commit where the server serves none by its id", function()
    local done = pinned(first, { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.old .. "/org/t-" })
    assert.equal(tag(first) .. "\n", done.stdout, done.stderr)
  end)

  it("never builds a branch where a file is wrong, or does not name the runtime", function()
    for text, words in pairs {
      ['{ "workspace_templates": [] }'] = "it does not name the runtime hermes",
      ['{ "workspace_templates": [{ "repo": "org/t-hermes", "ref": "main" }] }'] = 'ref "main" is no commit id',
      ["{"] = "m.json:1:2: no JSON",
    } do
      sh.write(w.dir .. "/m.json", text)
      local done = run { MOLECULE_MANIFEST = w.dir .. "/m.json" }
      assert.equal(2, done.status, done.stderr)
      assert.equal("", done.stdout)
      assert.truthy(done.stderr:find(words, 1, true), done.stderr)
    end
    assert.same({}, docker.tags(NAME))
    assert.equal(0, #w:requests "/org/t-hermes")
  end)

  it("fails with --all for each runtime that the file does not name, and builds the others", function()
    local done = w:run({ "run", "--output=json", "ensure.lua", "--all" }, { MOLECULE_MANIFEST = manifest(first) })
    assert.equal(2, done.status, done.stderr)
    assert.truthy(done.stdout:find(('"runtime":"hermes","image":"%s"'):format(tag(first)), 1, true), done.stdout)
    assert.equal(8, select(2, done.stdout:gsub('"outcome":"failed"', "")), done.stdout)
  end)

  it("writes pins, and says what has moved since", function()
    local file = w.dir .. "/p.json"
    assert.equal(0, run().status)
    local done = w:run({ "pin", "ensure.lua", "--file=" .. file, "hermes" })
    assert.equal(0, done.status, done.stderr)
    assert.truthy(sh.read(file):find(('"commit": "%s"'):format(second), 1, true))
    assert.truthy(sh.read(file):find(('"%s": "sha256:'):format(tag(second)), 1, true))
    local third = w:commit("org", "hermes", world.template_files "three")
    done = w:run({ "pin", "--output=json", "ensure.lua", "--file", file }, { MOLECULE_MANIFEST = file })
    assert.is_true(schema.check("verbs", done.stdout, "pin"))
    assert.truthy(done.stdout:find('"change":"moved"', 1, true), done.stdout)
    assert.truthy(done.stdout:find(('"former_commit":"%s"'):format(second), 1, true))
    assert.equal(tag(third) .. "\n", run({ MOLECULE_MANIFEST = file }).stdout)
  end)

  describe("offline", function()
    local OFFLINE = { MOLECULE_OFFLINE = "1", MOLECULE_GITEA_CREDENTIAL_HELPER = "1" }

    local function offline(env)
      local all = {}
      for _, more in ipairs { OFFLINE, env or {} } do
        for name, value in pairs(more) do all[name] = value end
      end
      return all
    end

    it("takes the newest image, with its age, and touches no network", function()
      assert.equal(0, pinned(second).status)
      sh.run "sleep 1" -- a label's date has seconds
      assert.equal(0, pinned(first).status)
      local requests = #w:requests ""
      local done = still(offline { MOLBUILD_DOCKER_API = "1" })
      assert.equal(tag(first) .. "\n", done.stdout, done.stderr)
      assert.truthy(done.stderr:find(("offline: %s is the newest image of hermes on this machine, built %%d+%%l ago"):format(
        tag(first):gsub("%p", "%%%0"))), done.stderr)
      assert.equal(requests, #w:requests "")
    end)

    it("has the outcome stale, for the program of the engine too", function()
      assert.equal(0, run().status)
      for _, api in ipairs { "0", "1" } do
        local done = w:run({ "run", "--output=json", "ensure.lua", "hermes" }, offline { MOLBUILD_DOCKER_API = api })
        assert.equal(0, done.status, done.stderr)
        assert.is_true(schema.check("results", done.stdout))
        assert.truthy(done.stdout:find('"outcome":"stale"', 1, true), done.stdout)
      end
      local planned = plan(offline())
      assert.equal(0, planned.status)
      assert.truthy(planned.stdout:find '"outcome":"stale".*"reason":"built %d+%l ago"', planned.stdout)
    end)

    it("takes no image of another repository, platform, caller or branch", function()
      assert.equal(0, run().status)
      sh.write(w.dir .. "/next.lua", 'local e = molbuild.load "ensure.lua"; e.branch = "next"; return e')
      for _, case in ipairs {
        { { MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/other/t-" } }, { { MOLECULE_IMAGE_PLATFORM = "linux/arm64" } },
        { { MOLECULE_LOCAL_IMAGE_ISOLATION = "mine" } }, { {}, w.dir .. "/next.lua" },
      } do
        local done = w:run({ "run", case[2] or "ensure.lua", "hermes" }, offline(case[1]))
        assert.equal(4, done.status, done.stderr)
        assert.equal("", done.stdout)
        assert.truthy(done.stderr:find("offline: no image of hermes for ", 1, true), done.stderr)
      end
    end)

    it("takes exactly the commit of a manifest, or fails", function()
      assert.equal(0, pinned(first).status)
      assert.equal(tag(first) .. "\n", pinned(first, offline()).stdout)
      local done = pinned(second, offline())
      assert.equal(4, done.status)
      assert.truthy(done.stderr:find("offline: the image " .. tag(second) .. " is not on this machine", 1, true), done.stderr)
      assert.equal(4, plan(offline { MOLECULE_MANIFEST = manifest(second) }).status)
    end)
  end)
end)
