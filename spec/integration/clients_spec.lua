-- Both kinds of docker client: one with BuildKit built in, and one of 23 or newer without buildx, with which
-- DOCKER_BUILDKIT=1 fails. Every distinct client on PATH builds.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

--- The directories of PATH with a docker that is not another's link, and what it is.
local function clients()
  local list, seen = {}, {}
  for dir in (os.getenv "PATH" .. ":/usr/bin"):gmatch "[^:]+" do
    local real = sh.run(("readlink -f %s/docker 2>/dev/null || true"):format(sh.quote(dir)))
    if sh.read(real) and not seen[real] then
      seen[real] = true
      local version = sh.run(real .. " version --format '{{.Client.Version}}' 2>/dev/null || true"):match "^%d+" or "0"
      local buildx = sh.run(real .. " buildx version >/dev/null 2>&1 && echo yes || echo no") == "yes"
      list[#list + 1] = { path = real, major = tonumber(version), buildx = buildx }
    end
  end
  return list
end

describe("a docker client", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  local buildkit = false
  for _, client in ipairs(clients()) do
    local classic = client.major >= 23 and not client.buildx
    buildkit = buildkit or not classic
    it(("of version %d %s buildx builds"):format(client.major, client.buildx and "with" or "without"), function()
      local files = world.program_files "built"
      files.Dockerfile = files.Dockerfile .. 'RUN ["/bin/busybox", "true"]\n'
      local sha = w:commit("org", "hermes", files)
      local bin = w.dir .. "/bin"
      sh.run(("mkdir %s && ln -s %s %s/docker"):format(bin, client.path, bin))
      local run = w:ensure("hermes", { PATH = bin .. ":" .. os.getenv "PATH", DOCKER_BUILDKIT = "1" })
      assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
      assert.equal(classic, run.stderr:find("building with the classic builder", 1, true) ~= nil)
      assert.equal("built", sh.run "docker run --rm --network none molecule-local/workspace-template-hermes:latest")
    end)

    it(("of version %d %s buildx is distinguished from a RUN's output"):format(client.major, client.buildx and "with" or "without"),
      function()
        local files = world.program_files(table.concat({
          "out\r#7777 [1/99999999999999999999] a step", "Step 3/99999999999999999999 : another",
          "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        }, "\n"))
        files.Dockerfile = files.Dockerfile .. 'RUN ["/bin/busybox", "sh", "-c", "cat /bin/says; exit 3"]\n'
        w:commit("org", "hermes", files)
        local bin = w.dir .. "/bin"
        sh.run(("mkdir %s && ln -s %s %s/docker"):format(bin, client.path, bin))
        local run = w:ensure("hermes", { PATH = bin .. ":" .. os.getenv "PATH" })
        assert.equal(8, run.status, run.stderr)
        assert.is_nil(run.stderr:find("traceback", 1, true), run.stderr)
      end)
  end

  it("with BuildKit is among those tried", function()
    assert.is_true(buildkit)
  end)

  -- Where no client of 23 or newer without buildx is installed, the classic builder is tried anyway.
  it("whose builder is the classic one builds", function()
    local sha = w:commit("org", "hermes", world.template_files "built")
    sh.write(w.dir .. "/classic.lua", [[
      local ensure = molbuild.load "ensure.lua"
      local build = ensure.build
      function ensure.build(job)
        job.builder, job.builder_advice = "classic", nil
        return build(job)
      end
      return ensure
    ]])
    local run = w:run { "run", "-v", w.dir .. "/classic.lua", "hermes" }
    assert.equal("molecule-local/workspace-template-hermes:" .. sha:sub(1, 12) .. "\n", run.stdout, run.stderr)
    assert.truthy(run.stderr:find "Step 1/%d+ : FROM scratch\n", run.stderr)
    assert.is_nil(run.stderr:find("docker has no buildx", 1, true), run.stderr)
  end)
end)
