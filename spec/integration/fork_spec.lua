-- The forks that docs/policy.md shows, run as an operator runs them.
local sh = require "spec.support.sh"
local world = require "spec.support.world"

describe("a fork of ensure.lua", function()
  local w

  before_each(function()
    w = world.new()
  end)

  after_each(function()
    world.remove_images()
    w:close()
  end)

  it("gives the build one more argument", function()
    local files = world.template_files "not what is asked for"
    files.Dockerfile = table.concat({
      "FROM scratch", "COPY busybox /bin/busybox", "ARG PIP_INDEX_URL=none",
      'RUN ["/bin/busybox", "sh", "-c", "echo $PIP_INDEX_URL >/index"]',
      'CMD ["/bin/busybox", "cat", "/index"]', "",
    }, "\n")
    local sha = w:commit("org", "claude-code", files)
    local run = w:run { "run", "docs/examples/build-arg.lua", "claude-code" }
    local tag = "molecule-local/workspace-template-claude-code:" .. sha:sub(1, 12)
    assert.equal(0, run.status, run.stderr)
    assert.equal(tag .. "\n", run.stdout)
    assert.equal("https://pypi.internal/simple", sh.run("docker run --rm --network none " .. tag))
  end)

  it("knows one more runtime, and builds it from a branch of its own", function()
    local main = w:commit("org", "my-agent", world.template_files "from main")
    local sha = w:commit("org", "my-agent", world.program_files "from next", "next")
    assert.are_not.equal(main, sha)
    local run = w:run { "run", "docs/examples/extra-runtime.lua", "my-agent" }
    local tag = "molecule-local/workspace-template-my-agent:" .. sha:sub(1, 12)
    assert.equal(0, run.status, run.stderr)
    assert.equal(tag .. "\n", run.stdout)
    assert.equal("from next", sh.run("docker run --rm --network none " .. tag))
  end)

  it("builds an image from another one, which it builds first", function()
    local base = w:commit("org", "agent-base", world.program_files "from the base")
    local agent = w:commit("org", "agent", {
      Dockerfile = 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nLABEL is=agent\nCMD ["/bin/busybox", "cat", "/bin/says"]\n',
    })
    local run = w:run { "run", "--jobs=1", "docs/examples/dependent.lua", "agent" }
    local tag = ("molecule-local/workspace-template-agent:%s-%s"):format(agent:sub(1, 12), base:sub(1, 12))
    assert.equal(0, run.status, run.stderr)
    assert.equal(tag .. "\n", run.stdout)
    assert.equal("from the base", sh.run("docker run --rm --network none " .. tag))
  end)

  it("that is a copy with one word changed is what runs, not what was compiled in", function()
    local source, count = sh.read "scripts/ensure.lua":gsub('"hermes"', '"hermit"', 1)
    assert.equal(1, count)
    sh.write(w.dir .. "/ensure.lua", source)
    local run = w:run({ "run", w.dir .. "/ensure.lua", "hermit" }, { MOLECULE_IMAGE_REGISTRY = "registry.example" })
    assert.equal("registry.example/workspace-template-hermit:latest\n", run.stdout, run.stderr)
    run = w:run({ "run", w.dir .. "/ensure.lua", "hermes" }, { MOLECULE_IMAGE_REGISTRY = "registry.example" })
    assert.equal(2, run.status)
  end)

  it("leaves the shipped policy as it was", function()
    local run = w:ensure "my-agent"
    assert.equal(2, run.status)
    assert.truthy(run.stderr:find('refusing to build unknown runtime "my-agent"', 1, true), run.stderr)
  end)

  it("is found by its name in a directory of MOLBUILD_PATH", function()
    local run = w:run({ "run", "extra-runtime.lua", "my-agent" },
      { MOLBUILD_PATH = sh.run "pwd" .. "/docs/examples", MOLECULE_IMAGE_REGISTRY = "registry.example" })
    assert.equal(0, run.status, run.stderr)
    assert.equal("registry.example/workspace-template-my-agent:latest\n", run.stdout)
  end)

  it("whose step gives no tag is at fault, and builds nothing", function()
    w:commit("org", "claude-code", world.template_files "never built")
    sh.write(w.dir .. "/no-tag.lua", 'local ensure = molbuild.load "ensure.lua"\nfunction ensure.tag() end\nreturn ensure\n')
    local run = w:run { "run", w.dir .. "/no-tag.lua", "claude-code" }
    assert.equal(70, run.status, run.stderr)
    assert.equal("", run.stdout)
    assert.truthy(run.stderr:find("no-tag.lua:2: tag gave nothing; it must give an image", 1, true), run.stderr)
    assert.is_nil(sh.read(w.cache .. "/locks/claude-code.lock"))
  end)
end)
