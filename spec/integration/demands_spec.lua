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
if sh.run "id -u" ~= "0" then
  describe("the demands of a build", function()
    it("are tried by root", function() assert.not_equal("0", sh.run "id -u") end)
  end)
  return
end

describe("the demands of a build", function()
  local w, podman, builds = nil, nil, 0
  local PIP, NPM = "sesame/op+en_%-pip", "sesame-open-npm"

  setup(function()
    w, podman = world.new { forge = false }, engines.podman()
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
    { "classic", "secrets", SECRETS, "secrets cannot be used: the classic builder ignores it" },
    { "service", "secrets", SECRETS, "secrets cannot be used: podman's service would get it as a file" },
    { "service", "ssh", SSH, "ssh cannot be used: podman's service" },
    { "classic", "ssh", SSH, "ssh cannot be used: the classic builder ignores it" },
    { "buildkit", "memory", 'ensure.memory = "64m"', "memory cannot be used: BuildKit has no limit" },
    { "buildkit", "cpus", "ensure.cpus = 1", "cpus cannot be used: BuildKit has no limit" },
    { "chroot", "memory", 'ensure.memory = "64m"', "memory cannot be used: podman ignores it with BUILDAH_ISOLATION=chroot" },
    { "buildkit", "a key of ssh that is not there", 'ensure.ssh = "default=/none/key"', "ssh: cannot examine /none/key" },
  } do
    it(("refuse before the clone what is not possible: %s, by %s"):format(case[2], case[1]), function()
      local made = prepare(case[3]:format(w.dir), RUN("", "true"))
      local result = start(case[1], made)
      assert.equal(2, result.status, result.stderr)
      assert.truthy(result.stderr:find(case[4], 1, true), result.stderr)
      assert.is_nil(sh.read(("%s/hermes/%s/Dockerfile"):format(w.cache, made.sha:sub(1, 12))))
    end)
  end

  local LIMIT = "cd /sys/fs/cgroup; "
    .. "/bin/busybox cat memory/memory.limit_in_bytes memory.max cpu/cpu.cfs_quota_us cpu.max 2>/dev/null; "
    .. "echo networks; /bin/busybox tail -n +3 /proc/net/dev"

  for _, way in ipairs { "classic", "podman" } do
    it("limit memory and processors of a RUN, or are refused where no engine can: by " .. way, function()
      local made = prepare('ensure.memory, ensure.cpus = "64m", "0.5"', RUN("", LIMIT))
      local result = start(way, made, { "-v" })
      local info = way == "podman" and podman:sh "podman info --format '{{.Host.CgroupControllers}}'"
        or sh.run "docker info --format '{{if .MemoryLimit}}memory{{end}} {{if .CPUCfsQuota}}cpu {{end}}' 2>/dev/null"
      if info:find "memory" and info:find "%f[%a]cpu%f[%A]" then
        assert.equal(0, result.status, result.stderr)
        local log = sh.read(("%s/hermes/%s.log"):format(w.cache, made.sha:sub(1, 12)))
        assert.truthy(log:find("\n67108864\n", 1, true), log)
        assert.truthy(log:find "\n50000[\n ]", log)
      else
        assert.equal(2, result.status, result.stderr)
        assert.truthy(result.stderr:find("memory cannot be used: ", 1, true), result.stderr)
      end
    end)
  end

  for _, way in ipairs { "classic", "buildkit", "podman" } do
    it("give the RUNs no network, and build a stage: by " .. way, function()
      local dockerfile = "FROM base AS dev\n" .. RUN("", LIMIT .. "; : by " .. way) .. "FROM base\nENV LAST=1\n"
      local made = prepare('ensure.network, ensure.target = "none", "dev"', dockerfile)
      local result = start(way, made)
      assert.equal(0, result.status, result.stderr)
      local log = sh.read(("%s/hermes/%s.log"):format(w.cache, made.sha:sub(1, 12)))
      local networks = log:match "networks(.*)"
      assert.truthy(networks and networks:find("lo:", 1, true), log)
      assert.is_nil(networks:find "eth%d", log)
      assert.truthy(start(way, made).stdout:find('"outcome":"hit"', 1, true))
      -- Its layers come from the cache now, its labels do not.
      made.sha = w:commit(made.org, "hermes", { other = "file" })
      result = start(way, made)
      assert.equal(0, result.status, result.stderr)
      assert.truthy(result.stdout:find('"outcome":"built"', 1, true), result.stdout)

      sh.write(made.policy, 'local ensure = molbuild.load "ensure.lua"\nreturn ensure\n')
      result = start(way, made)
      assert.truthy(result.stdout:find('"outcome":"built"', 1, true), result.stderr)
      assert.truthy(result.stderr:find("it is the stage dev of the Dockerfile, not the last one", 1, true), result.stderr)
      assert.truthy(start(way, made).stdout:find('"outcome":"hit"', 1, true))
      -- Its layers come from the cache now, its labels do not.
      made.sha = w:commit(made.org, "hermes", { other = "file" })
      result = start(way, made)
      assert.equal(0, result.status, result.stderr)
      assert.truthy(result.stdout:find('"outcome":"built"', 1, true), result.stdout)

      sh.write(made.policy, 'local ensure = molbuild.load "ensure.lua"\nensure.target = "nope"\nreturn ensure\n')
      result = start(way, made)
      assert.equal(7, result.status, result.stderr)
      assert.truthy(result.stderr:find('the Dockerfile has no stage "nope" (target)', 1, true), result.stderr)
    end)
  end
end)
