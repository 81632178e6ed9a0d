-- `assert` of molbuild test against luassert, the one of busted: the same words, and the same cases that pass and fail.
local assertions = require "molbuild.testing.assertions"
local own, luassert = assertions.new(), assert

local function raise() error { kind = "usage", message = "no" } end
local function boo() error "boo" end
local function quiet() end

--- Each case: a call of assert, as a function of the assert that is meant. All of them also stand for their contrary.
local CASES = {
  { "equal", function(a) a.equal(1, 1) end, function(a) a.equal(1, 2) end },
  { "equal of tables", function(a) a.equal(_G, _G) end, function(a) a.equal({}, {}) end },
  { "are.equal", function(a) a.are.equal("x", "x") end, function(a) a.are.equal("x", "y") end },
  { "equals", function(a) a.equals(nil, nil) end, function(a) a.equals(nil, false) end },
  { "are_not.equal", function(a) a.are_not.equal(1, 2) end, function(a) a.are_not.equal(1, 1) end },
  { "is_not_equal", function(a) a.is_not_equal(1, "1") end, function(a) a.is_not_equal("a", "a") end },
  {
    "same", function(a) a.same({ 1, { b = 2 } }, { 1, { b = 2 } }) end,
    function(a) a.same({ 1, { b = 2 } }, { 1, { b = 3 } }) end,
  },
  { "same with more", function(a) a.are.same({}, {}) end, function(a) a.are.same({}, { 1 }) end },
  { "same with less", function(a) a.same("a", "a") end, function(a) a.same({ a = 1, b = 2 }, { a = 1 }) end },
  { "not_same", function(a) a.not_same({ 1 }, { 2 }) end, function(a) a.not_same({ 1 }, { 1 }) end },
  { "is_true", function(a) a.is_true(true) end, function(a) a.is_true(1) end },
  { "is_false", function(a) a.is_false(false) end, function(a) a.is_false(nil) end },
  { "is_nil", function(a) a.is_nil(nil) end, function(a) a.is_nil(false) end },
  { "is_not_nil", function(a) a.is_not_nil(false) end, function(a) a.is_not_nil(nil) end },
  { "is.truthy", function(a) a.is.truthy(0) end, function(a) a.is.truthy(nil) end },
  { "truthy", function(a) a.truthy "x" end, function(a) a.truthy(false) end },
  { "falsy", function(a) a.falsy(nil) end, function(a) a.falsy(0) end },
  { "is_not.falsy", function(a) a.is_not.falsy(1) end, function(a) a.is_not.falsy(false) end },
  { "is_string", function(a) a.is_string "" end, function(a) a.is_string(1) end },
  { "is_number", function(a) a.is_number(1.5) end, function(a) a.is_number "1" end },
  { "is_table", function(a) a.is_table {} end, function(a) a.is_table(nil, 1) end },
  { "is_function", function(a) a.is_function(print) end, function(a) a.is_function {} end },
  { "is_boolean", function(a) a.is_boolean(false) end, function(a) a.is_boolean(nil, 1) end },
  { "near", function(a) a.near(1, 1.05, 0.1) end, function(a) a.near(1, 1.2, 0.1) end },
  { "unique", function(a) a.unique { 1, 2 } end, function(a) a.unique { 1, 1 } end },
  { "matches", function(a) a.matches("^a%d", "a1") end, function(a) a.matches("^b", "a1") end },
  { "match", function(a) a.match("a", "xax") end, function(a) a.match("a", "x") end },
  { "matches plain", function(a) a.matches("a.b", "xa.b", 1, true) end, function(a) a.matches("a.b", "xaxb", 1, true) end },
  { "no.matches", function(a) a.has_no.matches("a", "b") end, function(a) a.has_no.matches("b", "b") end },
  { "has_error", function(a) a.has_error(boo) end, function(a) a.has_error(quiet) end },
  { "has_error with a text", function(a) a.has_error(boo, "boo") end, function(a) a.has_error(boo, "bo") end },
  {
    "has_error with a table", function(a) a.has_error(raise, { kind = "usage", message = "no" }) end,
    function(a) a.has_error(raise, { kind = "usage" }) end,
  },
  { "has_no.errors", function(a) a.has_no.errors(quiet) end, function(a) a.has_no.errors(boo) end },
  { "has_no_error", function(a) a.has_no_error(quiet) end, function(a) a.has_no_error(boo) end },
  { "errors", function(a) a.errors(boo) end, function(a) a.errors(quiet) end },
  { "error_matches", function(a) a.error_matches(boo, "^b") end, function(a) a.error_matches(boo, "^o") end },
  { "has_error_match", function(a) a.has.error_match(boo, "oo") end, function(a) a.has.error_match(quiet, "oo") end },
  { "assert()", function(a) a(1) end, function(a) a(nil, "no") end },
}

describe("assert of molbuild test", function()
  for _, case in ipairs(CASES) do
    it(("is that of busted: %s"):format(case[1]), function()
      luassert.is_true((pcall(case[2], luassert)))
      luassert.is_true(pcall(case[2], own))
      luassert.is_false((pcall(case[3], luassert)))
      luassert.is_false((pcall(case[3], own)))
    end)
  end

  it("gives its arguments back, as busted's does", function()
    luassert.equal("x", (own.is_string "x"))
    luassert.same({ 1, "why" }, { own(1, "why") })
  end)

  local function message_of(fn)
    local ok, failure = pcall(fn)
    luassert.is_false(ok)
    return tostring(failure)
  end

  it("says what was expected and what it got, and where tables differ", function()
    luassert.equal('expected: "a"\ngot:      "b\\n"', message_of(function() own.equal("a", "b\n") end))
    luassert.equal("expected: { 1, { a = 2 } }\ngot:      { 1, { a = 3 } }\nthey differ at [2].a",
      message_of(function() own.same({ 1, { a = 2 } }, { 1, { a = 3 } }) end))
    luassert.equal("expected: anything but nil\ngot:      nil", message_of(function() own.is_not_nil(nil) end))
    luassert.equal('expected: the error "x"\ngot:      no error', message_of(function() own.has_error(quiet, "x") end))
  end)

  it("has the test's own message before that", function()
    luassert.equal("why\nexpected: 1\ngot:      2", message_of(function() own.equal(1, 2, "why") end))
    luassert.equal("why\nexpected: true\ngot:      nil", message_of(function() own.is_true(nil, "why") end))
    luassert.equal("why\nexpected: true\ngot:      nil", message_of(function() own.message("why").is_true(nil) end))
  end)

  it("shows a large table in lines, one that holds itself, and keys of all kinds", function()
    local loop = { name = "loop" }
    loop.self = loop
    luassert.matches("the same table as around it", message_of(function() own.equal(loop, 1) end), 1, true)
    local large = {}
    for index = 1, 30 do large[index] = "entry " .. index end
    luassert.matches('"entry 1",\n  "entry 2",\n', message_of(function() own.equal(large, 1) end), 1, true)
    luassert.matches('{ "a", ["x y"] = 2, [true] = 1 }', message_of(function()
      own.equal({ "a", [true] = 1, ["x y"] = 2 }, 1)
    end), 1, true)
  end)

  it("names an assertion that there is not, with the nearest one", function()
    luassert.equal('assert.equql: no such assertion; did you mean "equal"?', message_of(function() own.equql(1, 1) end))
    luassert.equal("assert.are.nonsense: no such assertion", message_of(function() own.are.nonsense(1) end))
    luassert.equal("assert.equal needs 2 arguments, and has 1", message_of(function() own.equal(1) end))
  end)
end)
