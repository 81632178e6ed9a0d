-- Builds that fail, by both builders: their messages come from the program, and never from the output of a RUN.
local record = require "spec.support.record"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a build that fails", function()
  local w, served, silent = nil, nil, {}

  --- A step that runs a script in busybox's shell; what differs in it makes a layer of its own.
  local function run_of(script)
    return ('FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "%s"]\n'):format(script)
  end

  --- Start a build that is silent from some time on. The others are run while it waits for its end, after a grace that a busy
  --- machine keeps in all other steps.
  local function start_silent(builder, runtime)
    local script = "echo '#3 exporting to image'; printf 'x\\\\r#3 exporting to image\\\\n'; busybox sleep 600"
    w:commit("org", runtime, { Dockerfile = run_of(script) })
    silent[builder] = w:start({ "run", "ensure.lua", runtime },
      { PATH = w:client(builder), MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = served, MOLECULE_BUILD_STALL_GRACE_S = "20" })
  end

  -- A directory serves as well as a forge, and starts faster.
  setup(function()
    w = world.new { forge = false }
    served = "file://" .. w.dir .. "/repos/org/t-"
    for builder, runtime in pairs { classic = "codex", buildkit = "crewai" } do start_silent(builder, runtime) end
  end)
  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function ensure(builder, dockerfile, env, before)
    w:commit("org", "hermes", { Dockerfile = dockerfile }, "main", before)
    local all = { PATH = w:client(builder), MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX = served }
    for name, value in pairs(env or {}) do all[name] = value end
    return w:run({ "run", "--output=json", "ensure.lua", "hermes" }, all)
  end

  local function may_retry(run)
    return record.results(run.stdout)[1].error.retry
  end

  for _, builder in ipairs { "classic", "buildkit" } do
    describe("(" .. builder .. ")", function()
      it("for a RUN that prints an engine's words is a failed build, and has no hint", function()
        for _, words in ipairs {
          "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
          "ERROR: write /x: no space left on device", "toomanyrequests: dial tcp: lookup x: no such host",
        } do
          local run = ensure(builder, run_of(("echo '%s'; echo -n 'x: %s'; exit 3"):format(words, words)))
          assert.equal(8, run.status, run.stderr)
          assert.is_nil(run.stderr:find("\nhint:", 1, true), run.stderr)
          assert.truthy(run.stderr:find("the whole log: ", 1, true), run.stderr)
          assert.is_false(may_retry(run))
        end
      end)

      it("shows the template's own steps, and begins with none of docker's advice", function()
        local run = ensure(builder, run_of "echo here; exit 3")
        assert.equal(8, run.status, run.stderr)
        assert.truthy(run.stderr:find(builder == "classic" and "build 3/3  RUN" or "build 2/2  RUN", 1, true), run.stderr)
        assert.is_nil(run.stderr:find("DEPRECATED", 1, true), run.stderr)
        assert.is_nil(run.stderr:find("DOCKER_BUILDKIT", 1, true), run.stderr)
      end)

      it("for a program of another processor says how to run it", function()
        -- An ELF header for a processor that the engine has not, and no emulation for.
        local alien = [[printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\051\046' >alien && head -c 100 /dev/zero >>alien
          chmod 755 alien]]
        local run = ensure(builder, 'FROM scratch\nCOPY alien /alien\nRUN ["/alien"]\n', nil, alien)
        assert.equal(8, run.status, run.stderr)
        assert.truthy(run.stderr:find("\nhint: a program was built for another processor: set up emulation on the engine's machine "
          .. "(binfmt_misc, qemu-user-static), or build for the engine's own platform (MOLECULE_IMAGE_PLATFORM=native)", 1, true),
          run.stderr)
      end)

      it("for a registry that cannot be reached says that it is the engine's network", function()
        local run = ensure(builder, "FROM 127.0.0.1:1/org/image:tag\n")
        assert.equal(8, run.status, run.stderr)
        assert.truthy(run.stderr:find("\nhint: the engine cannot reach a registry", 1, true), run.stderr)
        assert.is_true(may_retry(run))
      end)

      it("of silence is ended after the grace, whatever phase a RUN names", function()
        local run = silent[builder]:wait()
        assert.equal(9, run.status, run.stderr)
        local said = "docker was silent for 20 s %(MOLECULE_BUILD_STALL_GRACE_S%); the last line was: .*#3 exporting to image\n"
        assert.truthy(run.stderr:find(said), run.stderr)
        assert.is_nil(run.stderr:find("DEPRECATED", 1, true), run.stderr)
      end)
    end)
  end

  it("where the program does not see the cache says to put it elsewhere", function()
    local bin = w.dir .. "/snap"
    sh.run("mkdir -p " .. bin)
    sh.write(bin .. "/docker", ([[
#!/bin/sh
for last; do :; done
case $last in %s/*) echo "unable to prepare context: path \"$last\" not found" >&2; exit 1 ;; esac
exec %s "$@"
]]):format(w.cache, sh.run "command -v docker"))
    sh.run("chmod +x " .. bin .. "/docker")
    local run = ensure("classic", "FROM scratch\nCOPY busybox /\n", { PATH = bin .. ":" .. os.getenv "PATH" })
    assert.equal(8, run.status, run.stderr)
    assert.truthy(run.stderr:find("put the cache elsewhere (MOLECULE_LOCAL_BUILD_CACHE)", 1, true), run.stderr)
  end)
end)
