-- Runs that do not wait for a build, and runs that outlive their caller: what others do to the process that builds.
local docker = require "spec.support.docker"
local json = require "molbuild.base.json"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

local STALE = { MOLECULE_SERVE_STALE_S = "86400" }

describe("the process that builds", function()
  local w, first

  setup(function() w = world.new() end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function tag(sha) return "molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) end

  -- A commit whose build prints a line and then sleeps until the test ends that sleep: GO does so.
  local function commit_sleeper(org)
    local seconds = sh.unique_seconds()
    local sha = w:commit(org or "org", "hermes", {
      Dockerfile = 'FROM scratch\nCOPY busybox work /bin/\nRUN ["/bin/busybox", "sh", "/bin/work"]\n',
      work = ("echo it begins\n/bin/busybox sleep %s\ntrue\n"):format(seconds),
    })
    local function sleeping() return sh.processes("sleep " .. seconds) end
    return sha, function()
      sh.wait_for(function() return #sleeping() > 0 end, 120, "the build to begin")
      local count = #sleeping()
      sh.kill(sleeping(), "KILL")
      return count
    end, function() return #sleeping() > 0 end
  end

  local function pid_of(object) return math.tointeger(object.building.pid) end

  local function wait_for_image(sha)
    return sh.wait_for(function()
      local ok, id = pcall(docker.id, tag(sha))
      return ok and id
    end, 120, "the image")
  end

  local function wait_for_end(pid)
    sh.wait_for(function() return not sh.lives(pid) end, 120, "the process to end")
    assert.is_true(sh.try("flock -n " .. w.cache .. "/locks/hermes.lock true"))
  end

  before_each(function()
    w:again()
    first = w:commit("org", "hermes", world.template_files "first")
    assert.equal(0, w:start({ "run", "ensure.lua", "hermes" }):wait().status)
  end)

  it("behind a result is one for ten callers, holds nothing of theirs, and none of their signals reaches it", function()
    local sha, go, begun = commit_sleeper()
    local runs = {}
    for index = 1, 9 do runs[index] = w:start({ "run", "--output=json", "ensure.lua", "hermes" }, STALE) end
    -- A reader of the caller's output reads to its end.
    local command = w:command({ "run", "ensure.lua", "hermes" }, STALE, { setsid = true })
    assert.matches(tag(first):gsub("%p", "%%%0"), sh.run(("(%s) 2>&1 | cat"):format(command)))
    for _, running in ipairs(runs) do
      local ended = running:wait()
      assert.equal(0, ended.status, ended.stderr)
      local object = json.decode(ended.stdout)
      assert.same({ tag(first), "stale", sha }, { object.image, object.outcome, object.wanted })
    end
    sh.wait_for(begun, 120, "the build to begin")
    local object = json.decode(w:start({ "run", "--output=json", "ensure.lua", "hermes" }, STALE):wait().stdout)
    local pid = pid_of(object)
    assert.same({ "build", sha:sub(1, 12) }, { object.building.step, object.building.commit })
    assert.equal(tostring(pid), sh.run("ps -o sid= -p " .. pid .. " | tr -d ' '"))
    assert.equal("/dev/null /dev/null " .. w.cache .. "/hermes/behind.log",
      sh.run(("readlink /proc/%d/fd/0 /proc/%d/fd/1 /proc/%d/fd/2 | tr '\\n' ' ' | sed 's/ $//'"):format(pid, pid, pid)))
    assert.equal(docker.id(tag(first)), docker.id "molecule-local/workspace-template-hermes:latest")
    assert.equal(1, go())
    wait_for_image(sha)
    wait_for_end(pid)
    assert.equal(docker.id(tag(sha)), docker.id "molecule-local/workspace-template-hermes:latest")
    local hit = json.decode(w:start({ "run", "--output=json", "ensure.lua", "hermes" }, STALE):wait().stdout)
    assert.same({ "hit", sha }, { hit.outcome, hit.sha })
  end)

  it("gives a private repository's token to the process behind, in no file and no argument", function()
    local env = {
      MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = w.http .. "/private/t-", MOLECULE_GITEA_TOKEN = w.token,
      MOLECULE_SERVE_STALE_S = "86400", MOLECULE_LOCAL_BUILD_CACHE = w.cache .. "/private",
    }
    w:commit("private", "hermes", world.template_files "private")
    assert.equal(0, w:start({ "run", "ensure.lua", "hermes" }, env):wait().status)
    local sha, go, begun = commit_sleeper "private"
    local object = json.decode(w:start({ "run", "--output=json", "ensure.lua", "hermes" }, env):wait().stdout)
    assert.equal("stale", object.outcome)
    sh.wait_for(begun, 120, "the build to begin")
    local pid = pid_of(object)
    for _, file in ipairs { "cmdline", "environ" } do
      assert.is_nil(sh.read(("/proc/%d/%s"):format(pid, file)):find(w.token, 1, true), file)
    end
    go()
    wait_for_image(sha)
    sh.wait_for(function() return not sh.lives(pid) end, 120)
    assert.is_false(sh.try { "grep", "-rq", w.token, w.cache })
  end)

  it("that is killed leaves the lock free, and the next caller starts another one", function()
    local sha, go, begun = commit_sleeper()
    local function start() return json.decode(w:start({ "run", "--output=json", "ensure.lua", "hermes" }, STALE):wait().stdout) end
    local pid = pid_of(start())
    sh.wait_for(begun, 120, "the build to begin")
    sh.run("kill -9 " .. pid)
    sh.wait_for(function()
      return not begun() and sh.try("flock -n " .. w.cache .. "/locks/hermes.lock true")
    end, 120, "the end of the build, and the lock")
    local again = start()
    assert.equal("stale", again.outcome)
    assert.not_equal(pid, pid_of(again))
    go()
    wait_for_image(sha)
    wait_for_end(pid_of(again))
  end)

  it("with --detach is ended by nothing that ends its callers, and each next one joins it and shows its lines", function()
    local sha, go, begun = commit_sleeper()
    local killed = w:start({ "run", "--detach", "ensure.lua", "hermes" }, nil, { setsid = true })
    sh.wait_for(begun, 120, "the build to begin")
    killed:signal("KILL", true)
    assert.equal(137, killed:wait().status)
    local hung = w:start({ "run", "--detach", "-v", "ensure.lua", "hermes" }, nil, { setsid = true })
    sh.wait_for(function() return hung:so_far():find("it begins", 1, true) end, 120, "the lines of the build")
    hung:signal "HUP"
    local ended = hung:wait()
    assert.equal(129, ended.status, ended.stderr)
    local heir = tonumber(ended.stderr:match "ended by SIGHUP %(1%); the run continues as the process (%d+)\n")
    assert.matches("to stop it: kill " .. heir, ended.stderr)
    -- A caller whose reader goes away.
    sh.run(("(%s) 2>&1 | head -1"):format(w:command({ "run", "--detach", "--timeout=60", "ensure.lua", "hermes" })) .. " & sleep 0")
    local last = w:start({ "run", "--detach", "--output=json", "ensure.lua", "hermes" })
    sh.wait_for(function() return last:so_far():find("waiting for the lock", 1, true) end, 120, "the wait")
    assert.equal(1, go())
    local result = last:wait()
    assert.equal(0, result.status, result.stderr)
    assert.same({ "hit", sha }, { json.decode(result.stdout).outcome, json.decode(result.stdout).sha })
    sh.wait_for(function() return not sh.lives(heir) end, 120, "the heir to end")
  end)
end)
