-- The caller in Go of docs/provisioner.md, compiled and run against a real run.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("docs/examples/provisioner.go", function()
  local w

  setup(function()
    w = world.new()
    sh.run(("cd %s && HOME=%s GO111MODULE=off GOFLAGS= GOCACHE=%s/go go build -o %s/provisioner %s/docs/examples/provisioner.go")
      :format(w.dir, w.dir, w.dir, w.dir, sh.run "pwd"))
  end)

  teardown(function()
    world.remove_images()
    w:close()
  end)

  local function template(script)
    local files = world.template_files "it"
    files.work = script
    files.Dockerfile = table.concat({
      "FROM scratch", "COPY busybox /bin/busybox", "COPY says work /",
      'RUN ["/bin/busybox", "sh", "/work"]', 'CMD ["/bin/busybox", "cat", "/says"]', "",
    }, "\n")
    return files
  end

  -- The caller runs molbuild; its option -molbuild names the program.
  local function start(...)
    return w:start({ ... }, nil, { prefix = { w.dir .. "/provisioner", "-molbuild" } })
  end

  it("reports a build, a hit and a failure, each with its runtime", function()
    local sha = w:commit("org", "hermes", template "exit 0")
    w:commit("org", "codex", template "exit 3")
    local image = "molecule-local/workspace-template-hermes:" .. sha:sub(1, 12)
    local ended = start("hermes", "codex"):wait()
    assert.equal(1, ended.status, ended.stderr)
    local first, second = ended.stdout:match "^([^\n]+)\n([^\n]+)\n$"
    assert.equal("hermes built " .. image, first)
    assert.truthy(second:find "^codex failed build retry=false: docker build ", second)
    assert.truthy(ended.stderr:find("hermes: build 3/", 1, true), ended.stderr)

    ended = start("hermes"):wait()
    assert.same({ 0, ("hermes hit %s\n"):format(image) }, { ended.status, ended.stdout })
  end)

  it("tries again what may succeed later", function()
    w:answer(500, "down", "hermes", 3) -- as often as molbuild itself asks
    local ended = start("hermes"):wait()
    assert.equal(0, ended.status, ended.stderr)
    assert.truthy(ended.stdout:find "^hermes hit ", ended.stdout)
  end)

  it("does not try again what needs a change", function()
    local ended = start("nonesuch"):wait()
    assert.equal(1, ended.status)
    assert.truthy(ended.stdout:find "^nonesuch failed usage retry=false: ", ended.stdout)
  end)

  it("cancels cleanly, and still has a result", function()
    w:commit("org", "claude-code", template "/bin/busybox sleep 300")
    local running = start "claude-code"
    sh.wait_for(function() return running:so_far():find("claude-code: build 3/", 1, true) end)
    running:signal "TERM"
    local ended = running:wait()
    assert.equal(1, ended.status)
    assert.truthy(ended.stdout:find "^claude%-code failed signal retry=true: ", ended.stdout)
    local lock = sh.run(("flock -n %s/locks/claude-code.lock true && echo free"):format(w.cache))
    assert.equal("free", lock)
  end)
end)
