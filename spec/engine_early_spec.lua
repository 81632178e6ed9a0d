-- A question to the engine that is asked ahead of time: when its answer counts, and when it must not.
local docker = require "molbuild.engine"
local errors = require "molbuild.base.errors"
local task = require "molbuild.base.task"

describe("an image asked about early", function()
  local engine, images, questions

  -- An engine whose answers change while we look: what no real one does at a chosen moment.
  before_each(function()
    images, questions = {}, {}
    engine = docker.engine()
    engine.api = {
      image = function(_, ref)
        questions[#questions + 1] = ref
        return images[ref]
      end,
    }
  end)

  local function run(fn)
    return task.run(function()
      local asked <close> = engine:ask_early "a:latest"
      return fn()
    end)
  end

  it("is asked about before the work that follows", function()
    run(function() assert.same({ "a:latest" }, questions) end)
  end)

  it("answers for its own name and for every other name of the image", function()
    images["a:latest"] = { Id = "sha256:1", RepoTags = { "a:one", "a:latest" } }
    run(function()
      assert.equal("sha256:1", engine:image("a:one").id)
      assert.equal("sha256:1", engine:image("a:latest").id)
    end)
    assert.same({ "a:latest" }, questions)
  end)

  it("may have more names than fit onto Lua's stack", function()
    local names = {}
    for index = 1, 1000000 do names[index] = "x" end
    names[#names + 1] = "a:one"
    images["a:latest"] = { Id = "sha256:1", RepoTags = names }
    run(function() assert.equal("sha256:1", engine:image("a:one").id) end)
  end)

  it("does not answer for a name that the image does not have", function()
    images["a:latest"] = { Id = "sha256:1", RepoTags = { "a:latest" } }
    images["a:two"] = { Id = "sha256:2", RepoTags = { "a:two" } }
    run(function()
      assert.equal("sha256:2", engine:image("a:two").id)
      assert.is_nil((engine:image "a:three"))
    end)
    assert.same({ "a:latest", "a:two", "a:three" }, questions)
  end)

  it("serves a name once: what is asked again wants to know what is so now", function()
    images["a:latest"] = { Id = "sha256:1", RepoTags = { "a:one", "a:latest" } }
    run(function()
      assert.equal("sha256:1", engine:image("a:one").id)
      images["a:one"] = { Id = "sha256:2", RepoTags = { "a:one" } }
      assert.equal("sha256:2", engine:image("a:one").id)
    end)
  end)

  it("is forgotten when it is closed", function()
    images["a:latest"] = { Id = "sha256:1", RepoTags = { "a:latest" } }
    task.run(function()
      do
        local asked <close> = engine:ask_early "a:latest"
        task.spawn(function() end):join()
      end
      images["a:latest"] = { Id = "sha256:2", RepoTags = { "a:latest" } }
      assert.equal("sha256:2", engine:image("a:latest").id)
    end)
  end)

  it("is asked again when there was no answer that can be understood", function()
    engine.api.image = function(_, ref)
      questions[#questions + 1] = ref
      return nil, "the engine reports: " .. ref
    end
    run(function()
      local image, message = engine:image "a:latest"
      assert.is_nil(image)
      assert.equal("the engine reports: a:latest", message)
    end)
    assert.same({ "a:latest", "a:latest" }, questions)
  end)

  it("raises where the answer is wanted when the engine cannot be reached", function()
    engine.api.image = function() errors.raise { kind = "missing_tool", message = "no engine" } end
    local ok, failure = pcall(run, function() return engine:image "a:one" end)
    assert.is_false(ok)
    assert.equal("missing_tool", failure.kind)
  end)
end)
