-- An engine that goes away in the middle of a build. One of its own is started for it.
local engines = require "spec.support.engines"
local sh = require "spec.support.sh"
local world = require "spec.support.world"

-- Only root can start one.
if not engines.by_root "an engine that dies" then return end

describe("an engine that dies in the middle of a build", function()
  local w, engine

  before_each(function()
    w = world.new()
    engine = sh.run "mktemp -d"
    sh.run("spec/support/engine.sh start " .. engine)
  end)

  after_each(function()
    sh.run(("spec/support/engine.sh stop %s && rm -rf %s"):format(engine, engine))
    w:close()
  end)

  it("before the build begins is reported as one that cannot be reached", function()
    w:commit("org", "hermes", world.template_files "x")
    sh.write(w.dir .. "/kill.lua", ([[
      local ensure = molbuild.load "ensure.lua"
      local check = ensure.check
      function ensure.check(job)
        check(job)
        local pid = io.open("%s/pid"):read "n"
        molbuild.child.run { argv = { "kill", "-KILL", tostring(pid) } }
      end
      return ensure
    ]]):format(engine))
    local run = w:run({ "run", w.dir .. "/kill.lua", "hermes" }, { DOCKER_HOST = "unix://" .. engine .. "/docker.sock" })
    assert.equal(3, run.status, run.stderr)
    assert.truthy(run.stderr:find("the Docker Engine cannot be reached: ", 1, true), run.stderr)
    assert.truthy(run.stderr:find("hint: start it", 1, true), run.stderr)
  end)

  for _, builder in ipairs { "classic", "buildkit" } do
    it("is an error with a hint (" .. builder .. ")", function()
      w:commit("org", "hermes", {
        Dockerfile = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sleep", "60"]\n',
      })
      sh.write(w.dir .. "/builder.lua", ([[
        local ensure = molbuild.load "ensure.lua"
        local build = ensure.build
        function ensure.build(job)
          job.builder, job.builder_advice = %q, nil
          return build(job)
        end
        return ensure
      ]]):format(builder))
      -- The client with BuildKit built in, where there is one.
      local run = w:start({ "run", "-v", w.dir .. "/builder.lua", "hermes" },
        { DOCKER_HOST = "unix://" .. engine .. "/docker.sock", PATH = "/usr/bin:" .. os.getenv "PATH" })
      sh.wait_for(function() return not run:lives() or run:so_far():find "build %d/%d  RUN" end)
      sh.run(("kill -KILL $(cat %s/pid)"):format(engine))
      local ended = run:wait()
      assert.equal(8, ended.status, ended.stderr)
      assert.equal("", ended.stdout)
      assert.truthy(ended.stderr:find("the connection to the engine broke: check that the engine still runs (docker version)",
        1, true), ended.stderr)
      assert.equal("", sh.run(("ls %s/tmp"):format(w.cache)))
    end)
  end
end)
