-- What a build demands of its builder, with real ones: the classic builder, BuildKit, podman and its service. Where the values of
-- secrets are seen; what is limited; what is refused.
local engines = require "spec.support.engines"
local run = require "spec.support.run"
local sh = require "spec.support.sh"
local tokens = require "spec.support.token"
local world = require "spec.support.world"

local BUILD = os.getenv "BUILD" or "build"
local NAME = "molecule-local/workspace-template-hermes"

-- Only root can have a podman of its own.
if not engines.by_root "the demands of a build" then return end

describe("the demands of a build", function()
  local w, podman, builds = nil, nil, 0
  local PIP, NPM -- those of another run at the same time are not looked for

  setup(function()
    w, podman = world.new { forge = false }, engines.podman()
    PIP, NPM = "sesame/op+en_%-" .. w.dir:match "[^.]*$", "sesame-open-" .. w.dir:match "[^.]*$"
    sh.write(w.dir .. "/npm", "//npm.example/:_authToken=" .. NPM .. "\n")
    sh.run { "chmod", "600", w.dir .. "/npm" }
    sh.run { "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", w.dir .. "/key" }
    local words = tokens.forms(PIP)
    table.move(tokens.forms(NPM), 1, #tokens.forms(NPM), #words + 1, words)
    sh.write(w.dir .. "/words", table.concat(words, "\n") .. "\n")
  end)
  teardown(function()
    podman:sh "podman image rm --all --force >/dev/null"
    podman:stop()
    world.remove_images()
    w:close()
  end)

  local function by_podman(more)
    local env = {
      MOLBUILD_DOCKER = "podman", CONTAINERS_CONF = podman.env.CONTAINERS_CONF,
      CONTAINERS_STORAGE_CONF = podman.env.CONTAINERS_STORAGE_CONF,
    }
    for name, value in pairs(more or {}) do env[name] = value end
    return env
  end

  local WAYS = {
    classic = function() return { PATH = w:client "classic", DOCKER_BUILDKIT = "0" } end,
    buildkit = function() return { PATH = w:client "buildkit" } end,
    podman = by_podman,
    service = function() return by_podman { CONTAINER_HOST = "unix://" .. podman.socket } end,
    chroot = function() return by_podman { BUILDAH_ISOLATION = "chroot" } end,
  }

  -- A policy with SETTINGS, and a template with DOCKERFILE; its RUNs have busybox.
  local function prepare(settings, dockerfile)
    builds = builds + 1
    local made = { policy = ("%s/fork-%d.lua"):format(w.dir, builds), org = "org" .. builds }
    sh.write(made.policy, ('local ensure = molbuild.load "ensure.lua"\n%s\nreturn ensure\n'):format(settings))
    made.sha = w:commit(made.org, "hermes", { Dockerfile = "FROM scratch AS base\nCOPY busybox /bin/busybox\n" .. dockerfile })
    return made
  end

  local function start(way, made, arguments)
    local env = WAYS[way]()
    env.MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = ("file://%s/repos/%s/t-"):format(w.dir, made.org)
    -- In the environment, but in no argument.
    sh.write(w.dir .. "/script", ("export PIP_TOKEN=%s\nexec \"$@\"\n"):format(sh.quote(PIP)))
    local all = { "run", "--output=json" }
    table.move(arguments or {}, 1, #(arguments or {}), #all + 1, all)
    table.move({ made.policy, "hermes" }, 1, 2, #all + 1, all)
    return w:run(all, env, { prefix = { "sh", w.dir .. "/script" } })
  end

  local function RUN(options, text) return ('RUN %s["/bin/busybox", "sh", "-c", "%s"]\n'):format(options, text) end

  local SSH = 'ensure.ssh = "default=%s/key"'
  local SECRETS = 'ensure.secrets = { pip = { env = "PIP_TOKEN" }, npm = { file = "%s/npm" } }'
  local MOUNTS = "--mount=type=secret,id=pip --mount=type=secret,id=npm --mount=type=ssh "

  -- Everything that is kept of a build: the image with its history, and the cache with log and record.
  local function kept(way)
    local tar, text = w.dir .. "/image.tar", w.dir .. "/image.txt"
    local program = way == "podman" and "podman" or "docker"
    local commands = ("sh -c 'rm -f TAR; PROGRAM save -o TAR IMAGE; "
      .. "{ PROGRAM history --no-trunc IMAGE; PROGRAM image inspect IMAGE; } >%s'"):format(text)
    commands = commands:gsub("%u%u%u+", { TAR = tar, PROGRAM = program, IMAGE = NAME .. ":latest" })
    if way == "podman" then podman:sh(commands) else sh.run(commands) end
    return tar, text
  end

  for _, way in ipairs { "buildkit", "podman" } do
    it("hand secrets over so that the RUN has them, and no argument, log, record, label or history: by " .. way, function()
      local digest = sh.run(("cat %s/npm | sha256sum"):format(w.dir)):match "%x+"
      local commands = "cd /run/secrets; BOX sha256sum npm; BOX cat pip npm; BOX base64 pip; BOX sleep 0.5; "
        .. "test -S $SSH_AUTH_SOCK && echo has an agent"
      local made = prepare(SECRETS:format(w.dir) .. "\n" .. SSH:format(w.dir), RUN(MOUNTS, (commands:gsub("BOX", "/bin/busybox"))))
      local out, trace = w.dir .. "/seen", w.dir .. "/trace.json"
      local watcher = run.start { program = BUILD .. "/test/proc_watch", args = { w.dir .. "/words", out } }
      sh.wait_for(function() return sh.read(watcher.stdout) == "ready\n" end)
      local result = start(way, made, { "-v", "--progress=json", "--trace=" .. trace })
      watcher:signal "TERM"
      watcher:wait()
      assert.equal(0, result.status, result.stderr)
      assert.truthy(result.stderr:find(digest, 1, true), result.stderr)
      assert.truthy(result.stderr:find('"[^"]*has an agent"'), result.stderr)

      local seen = 0
      for id, _, where, argv in sh.read(out):gmatch "(%d+)\t(%d+)\t(%S+)\t([^\n]*)\n" do
        -- molbuild itself is given the variable, and so is the shell before it.
        local own = argv:find("molbuild run", 1, true) or argv:find("/script", 1, true)
        assert.truthy(where == "-" or where == "environ" and own, id .. " " .. where .. " " .. argv)
        seen = seen + (argv:find("--secret id=pip,src=/proc/self/fd/", 1, true) and 1 or 0)
      end
      assert.is_true(seen > 0)

      sh.write(w.dir .. "/said", result.stdout .. result.stderr)
      local places = table.concat({ w.cache, w.dir .. "/said", trace, kept(way) }, " ")
      local search = ("grep -r -a -l -F -f %s/words -- %s || test $? = 1"):format(w.dir, places)
      assert.equal("", sh.run(search))
      sh.write(w.cache .. "/planted", PIP)
      assert.equal(w.cache .. "/planted", sh.run(search))
      sh.remove(w.cache .. "/planted")
      local record = sh.read(("%s/hermes/%s.json"):format(w.cache, made.sha:sub(1, 12)))
      assert.truthy(record:find('"secrets":["npm","pip"]', 1, true), record)
    end)
  end

  for _, case in ipairs {
    { "classic", SECRETS, "secrets cannot be used: the classic builder ignores it" },
    { "service", SECRETS, "secrets cannot be used: podman's service would get it as a file" },
    { "chroot", 'ensure.memory = "64m"', "memory cannot be used: podman ignores it with BUILDAH_ISOLATION=chroot" },
  } do
    it("refuse before the clone what is not possible: by " .. case[1], function()
      local made = prepare(case[2]:format(w.dir), RUN("", "true"))
      local result = start(case[1], made)
      assert.equal(2, result.status, result.stderr)
      assert.truthy(result.stderr:find(case[3], 1, true), result.stderr)
      assert.is_nil(sh.read(("%s/hermes/%s/Dockerfile"):format(w.cache, made.sha:sub(1, 12))))
    end)
  end

  local LIMIT = "cd /sys/fs/cgroup; "
    .. "/bin/busybox cat memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu.max 2>/dev/null; "
    .. "echo networks; /bin/busybox tail -n +3 /proc/net/dev; : by "

  -- Whether the engine of this machine can limit builds: in some containers none can.
  local INFO = {
    classic = function() return sh.run "docker info --format '{{.MemoryLimit}} {{.CPUCfsQuota}}' 2>/dev/null" == "true true" end,
    podman = function()
      local controllers = podman:sh "podman info --format '{{.Host.CgroupControllers}}'"
      return controllers:find "%f[%w]memory%f[%W]" and controllers:find "%f[%w]cpu%f[%W]"
    end,
    buildkit = function() return false end,
  }

  for _, way in ipairs { "classic", "buildkit", "podman" } do
    it("limit the RUNs, or are refused, give them no network, and build a stage: by " .. way, function()
      local dockerfile = "FROM base AS dev\n" .. RUN("", LIMIT .. way) .. "FROM base\nENV LAST=1\n"
      local stage, limits = 'ensure.network, ensure.target = "none", "dev"', 'ensure.memory, ensure.cpus = "64m", "0.5"'
      local made, can = prepare(stage .. "\n" .. limits, dockerfile), INFO[way]()
      local result = start(way, made)
      if not can then
        assert.equal(2, result.status, result.stderr)
        assert.truthy(result.stderr:find("memory cannot be used: ", 1, true), result.stderr)
        made = prepare(stage, dockerfile)
        result = start(way, made)
      end
      assert.equal(0, result.status, result.stderr)
      local log = sh.read(("%s/hermes/%s.log"):format(w.cache, made.sha:sub(1, 12)))
      local networks = log:match "networks(.*)"
      assert.truthy(networks and networks:find("lo:", 1, true), log)
      assert.is_nil(networks:find "eth%d", log)
      assert.truthy(not can or log:find("\n67108864\n", 1, true) and log:find "\n50000[\n ]", log)
      if way == "podman" then
        -- The layers of the next commit come from the cache, its labels do not.
        made.sha = w:commit(made.org, "hermes", { other = "file" })
        result = start(way, made)
        assert.truthy(result.stdout:find('"outcome":"built"', 1, true), result.stderr)
      end
      sh.write(made.policy, 'local ensure = molbuild.load "ensure.lua"\nensure.target = "nope"\nreturn ensure\n')
      result = start(way, made)
      assert.equal(7, result.status, result.stderr)
      assert.truthy(result.stderr:find('the Dockerfile has no stage "nope" (target)', 1, true), result.stderr)
    end)
  end
end)
