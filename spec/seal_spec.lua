local errors = require "molbuild.base.errors"
local nearest = require "molbuild.base.nearest"
local seal = require "molbuild.base.seal"

--- The message of the error that a function raises, with the number of its line in the place of "LINE".
local function raised(fn)
  local ok, failure = pcall(fn)
  assert.is_false(ok)
  assert.is_true(errors.is(failure, "bug"), tostring(failure))
  return (failure.message:gsub("^spec/seal_spec%.lua:%d+: ", "HERE "))
end

describe("the nearest word", function()
  local known = { build = 1, head = 1, tag = 1, ceiling = 1, timeout = 1, per_runtime = 1, [1] = "x" }
  for word, expected in pairs {
    biuld = "build", buil = "build", Build = "build", haed = "head", ceilng = "ceiling", time_out = "timeout",
    per_runtimes = "per_runtime", tga = "tag",
  } do
    it(("of %s is %s"):format(word, expected), function() assert.equal(expected, nearest.of(word, known)) end)
  end

  for _, word in ipairs { "push", "x", "", "banana", "building", "t" } do
    it(("of %q is none"):format(word), function() assert.is_nil(nearest.of(word, known)) end)
  end

  it("is the first in the alphabet of two that are equally near", function()
    assert.equal("bat", nearest.of("xat", { cat = 1, bat = 1 }))
  end)

  it("is no word that differs in every character", function()
    assert.is_nil(nearest.of("ab", { cd = 1, c = 1 }))
  end)
end)

describe("a sealed table", function()
  local policy

  before_each(function()
    policy = seal.fields({ build = function() end, ceiling = 720, list = { 1 } }, "ensure", {
      known = { registry = true }, former = { branches = "per_runtime" }, extensible = true,
    })
  end)

  it("lets its fields be read, set and taken away", function()
    policy.ceiling, policy.list = 5, nil
    assert.equal(5, policy.ceiling)
    assert.is_nil(policy.list)
    policy.list = 1
    assert.equal(1, policy.list)
  end)

  it("knows a field that has no value yet", function()
    assert.is_nil(policy.registry)
    policy.registry = "a"
    assert.equal("a", policy.registry)
  end)

  it("refuses to set an unknown field, with the line and the nearest name", function()
    assert.equal('HERE ensure.biuld: no such step; did you mean "build"?',
      raised(function() policy.biuld = print end))
    assert.equal('HERE ensure.ceilling: no such field; did you mean "ceiling"?',
      raised(function() policy.ceilling = 5 end))
    assert.is_nil(rawget(policy, "ceilling"))
  end)

  it("refuses to read an unknown field", function()
    assert.equal("HERE ensure.push: no such field", raised(function() return policy.push end))
  end)

  it("says what to write instead of a former field", function()
    assert.equal("HERE ensure.branches is no longer a setting: write per_runtime",
      raised(function() policy.branches = {} end))
    assert.equal("HERE ensure.branches is no longer a setting: write per_runtime",
      raised(function() return policy.branches end))
  end)

  it("knows a field of extend also when another one was refused before", function()
    assert.is_false(pcall(function() policy.nonsense = 1 end))
    policy.extend { push = print }
    policy.push = nil
    assert.is_nil(policy.push)
  end)

  it("gets custom fields by extend", function()
    policy.extend { push = print }
    assert.equal(print, policy.push)
    policy.push = nil
    assert.is_nil(policy.push)
  end)

  it("is a plain list for numbers", function()
    local list = seal.fields({ "a" }, "list")
    list[2] = "b"
    assert.is_nil(list[3])
    assert.same({ "a", "b" }, { table.unpack(list) })
  end)

  it("keeps a metatable of its own, and is not sealed then", function()
    local own = setmetatable({}, {})
    assert.equal(own, seal.fields(own, "x"))
    assert.is_nil(own.anything)
  end)

  it("is sealed once", function()
    assert.equal(policy, seal.fields(policy, "other", { open = true }))
    assert.equal("HERE ensure.push: no such field", raised(function() return policy.push end))
  end)
end)

describe("a sealed table that is open", function()
  local job

  before_each(function()
    job = seal.fields({ ceiling = 720, tag = "a:b" }, "job", { known = { token = true }, open = true })
  end)

  it("accepts custom fields", function()
    job.pulled = true
    assert.is_true(job.pulled)
    job.pulled = nil
    assert.is_nil(job.pulled)
  end)

  it("refuses a near miss of a known field", function()
    assert.equal('HERE job.ceilng: no such field; did you mean "ceiling"?', raised(function() job.ceilng = 5 end))
    assert.equal('HERE job.tokne: no such field; did you mean "token"?', raised(function() job.tokne = "x" end))
  end)

  it("refuses to read an unset field", function()
    assert.equal('HERE job.pulled: no such field', raised(function() return job.pulled end))
    assert.is_nil(job.token)
  end)
end)
