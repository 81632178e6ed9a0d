local errors = require "molbuild.base.errors"
local expect = require "molbuild.base.expect"

local function fn() end

local function refusal(kind, value)
  local ok, failure = pcall(expect.value, "step", fn, kind, value)
  if ok then return nil end
  assert.is_true(errors.is(failure, "bug"))
  return failure.message
end

local SHA1, SHA256 = ("0a"):rep(20), ("f"):rep(64)
local DIGEST = "@sha256:" .. SHA256

local GOOD = {
  text = { "a", "a b", "ä" },
  commit = { SHA1, SHA256 },
  name = { "a", "a/b", "localhost:5000/a-b/c__d", "Reg.example/a", "a:Tag_1.2-x", "a" .. DIGEST },
  reference = {
    "name:tag", "molecule-local/workspace-template-x:0123456789ab-arm64--ci", "localhost:5000/a/b:1", "reg.example/a:1",
    "Registry.Example:443/a:1", "a" .. DIGEST, "a:1" .. DIGEST, "a:" .. ("x"):rep(128),
  },
  boolean = { true, false },
  lock = { setmetatable({}, { __close = fn }), io.stderr },
  job = { { runtime = "x" } },
}

local BAD = {
  text = { "", 7, {}, true, "a\nb", "\27[m", "\xff" },
  commit = { SHA1:sub(2), SHA1 .. "0", SHA1:upper(), "", 7, ("g"):rep(40) },
  name = { "", "A/b", "a b", "/a", "a/", "a//b", "a@sha256:12", "a\n", {} },
  reference = {
    "name", "name:", "A:b", "a:b:c", "a b:c", "localhost:5000/a", "a:" .. ("x"):rep(129), "a/:b", "a@sha512:00", 1, "-a:b",
  },
  boolean = { 1, "true", {} },
  lock = { {}, 1, "x", true },
  job = { {}, { runtime = "" }, { runtime = 1 }, "x" },
}

describe("what a step must give", function()
  for kind, values in pairs(GOOD) do
    for _, value in ipairs(values) do
      it(("takes %s as a %s"):format(tostring(value):sub(1, 40), kind), function() assert.is_nil(refusal(kind, value)) end)
    end
  end

  for kind, values in pairs(BAD) do
    for index, value in ipairs(values) do
      it(("refuses as a %s value %d"):format(kind, index), function()
        assert.truthy(refusal(kind, value):find("^spec/expect_spec%.lua:4: step gave .*; it must give "))
      end)
    end
    it(("refuses nothing as a %s"):format(kind), function()
      assert.truthy(refusal(kind, nil):find("spec/expect_spec.lua:4: step gave nothing; it must give ", 1, true))
    end)
  end

  it("is anything if nothing is given", function()
    assert.is_nil(refusal(nil, nil))
    assert.equal(7, expect.value("step", fn, nil, 7))
  end)

  it("is shown without control characters", function()
    assert.is_nil(refusal("commit", "a\27[31mb"):find "\27")
  end)
end)

describe("the results of a policy", function()
  local function results(...)
    local ok, failure = pcall(expect.results, "run", fn, table.pack(...))
    return ok or failure.message
  end

  it("are one text or several", function()
    assert.is_true(results "a")
    assert.is_true(results("a", "b", 7))
  end)

  it("are neither nothing nor empty nor of another kind", function()
    local must = "; it must give a text that is not empty and has no control characters"
    assert.equal("spec/expect_spec.lua:4: run gave nothing" .. must, results())
    assert.equal("spec/expect_spec.lua:4: run gave nothing" .. must, results(nil))
    assert.equal('spec/expect_spec.lua:4: run gave ""' .. must, results "")
    assert.equal("spec/expect_spec.lua:4: run gave 1.5" .. must, results("a", 1.5))
    assert.equal("spec/expect_spec.lua:4: run gave a table" .. must, results {})
    assert.equal("spec/expect_spec.lua:4: run gave true" .. must, results(true))
    assert.equal("spec/expect_spec.lua:4: run gave nothing" .. must, results("a", nil))
  end)
end)

describe("a function's place", function()
  it("is its file and line", function()
    assert.equal("spec/expect_spec.lua:4: ", expect.place(fn))
    assert.equal("", expect.place(print))
  end)

  it("says whether it comes with the program", function()
    assert.is_false(expect.is_shipped(fn))
    expect.shipped["@spec/expect_spec.lua"] = true
    assert.is_true(expect.is_shipped(fn))
    expect.shipped["@spec/expect_spec.lua"] = nil
  end)
end)
