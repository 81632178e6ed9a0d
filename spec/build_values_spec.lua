-- The values that a policy gives a build: their forms, and what is refused, in one line that names the place.
local build_values = require "molbuild.base.build_values"
local errors = require "molbuild.base.errors"

-- Each case: a value and its final form, or a part of the refusal.
local function try(check, value)
  local ok, result = pcall(build_values[check], value, "here")
  if ok then return result end
  assert.is_true(errors.is(result, "usage"), tostring(result))
  assert.is_nil(result.message:find "\n", result.message)
  assert.equal("here", result.message:sub(1, 4))
  return nil, result.message
end

local function accepts(check, cases)
  for _, case in ipairs(cases) do assert.same(case[2], (assert(try(check, case[1])))) end
end

local function refuses(check, values, words)
  for _, value in ipairs(values) do
    local result, message = try(check, value)
    assert.is_nil(result, tostring(value))
    assert.truthy(message:find(words, 1, true), message)
  end
end

describe("a value of a build", function()
  it("of memory is bytes, in powers of 1024 as docker has them", function()
    accepts("memory", {
      { "512m", 512 * 1024 ^ 2 }, { "2g", 2 * 1024 ^ 3 }, { "2G", 2 * 1024 ^ 3 }, { "1.5GiB", 3 * 1024 ^ 3 // 2 },
      { " 64mb ", 64 << 20 },
      { 64 << 20, 64 << 20 }, { "67108864", 64 << 20 }, { "1t", 1 << 40 },
    })
    assert.equal("integer", math.type(build_values.memory("1.5g", "here")))
  end)

  it("of memory is not too small, not too large, and no other word", function()
    refuses("memory", { "1m", 0, -1, "", "2x", "g", "2 g m", "1e9", "0x40000000", "9999999999t", 1 / 0, 0 / 0, {}, true, "2g,x" },
      "must be an amount of memory of at least 6m, such as 512m or 2g, not")
  end)

  it("of cpus is a number", function()
    accepts("cpus", { { 1, 1 }, { "1.5", 1.5 }, { 0.5, 0.5 }, { "1024", 1024 } })
    refuses("cpus", { 0, -1, "0.001", 2000, "two", "", 1 / 0, 0 / 0, {}, "1e2", "0x2" },
      "must be a number of processors from 0.01 to 1024, such as 1.5, not")
  end)

  it("of the network is one that every builder has", function()
    accepts("network", { { "none", "none" }, { "host", "host" }, { "default", "default" } })
    refuses("network", { "bridge", "", "container:x", 1, {}, "None" }, "must be default or none or host, not")
  end)

  it("of the stage is a name of a Dockerfile", function()
    accepts("stage", { { "dev", "dev" }, { "0", "0" }, { "build-1.x_y", "build-1.x_y" } })
    refuses("stage", { "", "-f", "a b", "a\nb", "a/b", "a=b", "a,b", 3, {}, ("x"):rep(200) }, "must be the name of a stage")
  end)

  it("of ssh is an agent, a key or a socket, or a list of them", function()
    accepts("ssh", {
      { "default", { "default" } }, { "default=/path/key", { "default=/path/key" } },
      { { "default", "git=/run/a=b.sock" }, { "default", "git=/run/a=b.sock" } },
    })
    refuses("ssh", { "default=/a,/b" }, "has a path with a comma")
    refuses("ssh", { "", "=x", "a,b", "--x", { "default", "a b" }, { 1 } }, 'has the id "')
    refuses("ssh", { "default=", "default=/a\nb" }, "must be the path of a file, not")
    refuses("ssh", { 1, true, {}, { default = "/x" } }, 'must be "default", "default=PATH" or a list')
    refuses("ssh", { "default=~/x" }, "begins with ~")
  end)

  it("of secrets is a map of variables and files", function()
    local given = { pip = { env = "PIP_TOKEN" }, ["npm.rc"] = { file = "/a,b=c \"d\"" } }
    local copy = build_values.secrets(given, "here")
    assert.same(given, copy)
    assert.not_equal(given.pip, copy.pip)
    refuses("secrets", { "x", 1, true }, "must be a table of id = source")
    refuses("secrets", { { "PIP" }, { ["a,b"] = { env = "A" } }, { ["a=b"] = { env = "A" } }, { [""] = { env = "A" } },
      { ["-x"] = { env = "A" } }, { ['"a"'] = { env = "A" } }, { ["a\n"] = { env = "A" } } }, 'has the id "')
    refuses("secrets", { { pip = "PIP_TOKEN" }, { pip = {} }, { pip = { env = "A", file = "/b" } } },
      'here.pip must be { env = "NAME" } or { file = "PATH" }')
    refuses("secrets", { { pip = { env = "A B" } }, { pip = { env = "" } }, { pip = { env = "A=B" } }, { pip = { env = 1 } } },
      "here.pip must name a variable, not")
    refuses("secrets", { { pip = { file = "" } }, { pip = { file = "/a\nb" } }, { pip = { file = 1 } } },
      "here.pip must be the path of a file, not")
    refuses("secrets", { { pip = { value = "x" } }, { pip = { env = "A", src = "/b" } } }, "here.pip has the unknown field")
  end)

  it("is never shown when it stands where its source should be", function()
    local _, message = try("secrets", { pip = "sesame-open-1" })
    assert.is_nil(message:find("sesame", 1, true))
  end)
end)
