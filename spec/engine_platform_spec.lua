-- The engine's own platform: in which words, and how often it is asked for.
local cjson = require "cjson"
local docker = require "molbuild.engine"
local errors = require "molbuild.base.errors"
local image = require "molbuild.engine.image"

describe("an engine's own platform", function()
  local engine, answer, questions

  before_each(function()
    questions = 0
    engine = docker.engine()
    engine.api = {
      image = function() return nil end,
      server = function()
        questions = questions + 1
        return answer
      end,
    }
  end)

  for theirs, ours in pairs {
    amd64 = "amd64", x86_64 = "amd64", arm64 = "arm64", aarch64 = "arm64", ["386"] = "386", i686 = "386", arm = "arm",
    armv7l = "arm", armv6l = "arm", ppc64le = "ppc64le", s390x = "s390x", riscv64 = "riscv64", mips64le = "mips64le",
  } do
    it(("of the architecture %s is linux/%s"):format(theirs, ours), function()
      answer = { Os = "linux", Arch = theirs }
      assert.equal("linux/" .. ours, engine:platform())
    end)
  end

  it("is asked for once", function()
    answer = { Os = "linux", Arch = "arm64" }
    assert.equal("linux/arm64", engine:platform())
    answer = { Os = "linux", Arch = "amd64" }
    assert.equal("linux/arm64", engine:platform())
    assert.equal(1, questions)
  end)

  for what, unusable in pairs {
    ["nothing"] = {}, ["no texts"] = { Os = 1, Arch = cjson.null }, ["empty texts"] = { Os = "", Arch = "" },
    ["texts that are no names"] = { Os = "linux", Arch = "amd64\n--x" },
  } do
    it("is not known where the answer holds " .. what, function()
      answer = unusable
      local platform, message = engine:platform()
      assert.is_nil(platform)
      assert.equal("the engine gave no usable answer", message)
    end)
  end

  it("is an error if the engine cannot be reached", function()
    engine.api.server = function() errors.raise { kind = "missing_tool", message = "no engine" } end
    local ok, failure = pcall(engine.platform, engine)
    assert.is_false(ok)
    assert.equal("missing_tool", failure.kind)
  end)
end)

describe("image.is_emulated", function()
  for pair, emulated in pairs {
    ["linux/amd64 linux/amd64"] = false, ["linux/x86_64 linux/amd64"] = false, ["linux/arm64/v8 linux/arm64"] = false,
    ["linux/aarch64 linux/arm64"] = false, ["linux/arm/v7 linux/arm"] = false,
    ["linux/386 linux/amd64"] = false, ["linux/arm/v7 linux/arm64"] = false, -- such processors run both
    ["linux/amd64 linux/arm64"] = true, ["linux/arm64 linux/amd64"] = true, ["linux/amd64 linux/386"] = true,
    ["linux/arm64 linux/arm"] = true, ["linux/amd64 windows/amd64"] = true, ["linux/riscv64 linux/amd64"] = true,
  } do
    it(("of %s is %s"):format(pair, emulated), function()
      assert.equal(emulated, image.is_emulated(pair:match "^(%S+) (%S+)$"))
    end)
  end
end)
