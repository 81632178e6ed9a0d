local cjson = require "cjson"
local json = require "molbuild.base.json"

describe("json.decode", function()
  it("reads every kind of value", function()
    assert.same({ a = { 1, -2.5, 1e3, "x", true, false }, b = {}, c = { d = {} } },
      (json.decode ' { "a" : [1, -2.5, 1E+3, "x", true,false],"b":[] ,\n"c":{"d":{}}}\r\n'))
    assert.equal(7, json.decode "7")
    assert.equal("", json.decode '""')
    assert.is_false(json.decode "false")
    assert.equal(0.5, json.decode "0.5")
  end)

  it("gives a null as what is neither a text nor a table", function()
    assert.equal("userdata", type(json.decode('{"a":null}').a))
    assert.equal("userdata", type(json.decode "null"))
  end)

  it("reads escapes, pairs of them too", function()
    assert.equal('a"b\\c/d\b\f\n\r\te\u{E9}\u{1F600}\0',
      json.decode [["a\"b\\c\/d\b\f\n\r\te\u00e9\uD83D\ude00\u0000"]])
    assert.equal("\u{1F600} ü", json.decode '"\u{1F600} ü"')
  end)

  it("says what is wrong with a document that is none", function()
    for _, text in ipairs {
      "", " ", "{", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}", "{1:2}", "tru", "True",
      "nul", "nulll", '"', '"\\', '"\\x"', '"\\u12"', '"\\u12g4"', "1 2", "-", "+1", "0x10", "inf", "NaN", "[1]]",
      "\u{FEFF}1", "'a'", "//", "[1]/**/", "<html>",
    } do
      local value, message = json.decode(text)
      assert.is_nil(value, text)
      assert.equal("string", type(message), text)
    end
  end)

  it("refuses what nests without end, and reads what nests deep", function()
    assert.is_nil((json.decode(("["):rep(100000))))
    assert.is_nil((json.decode(('{"a":'):rep(100000))))
    assert.is_table((json.decode(("["):rep(199) .. ("]"):rep(199))))
  end)

  it("reads what another encoder writes", function()
    local value = { list = { 1, 2.25, "\1\31\127\u{2028}é/\\\"", { x = { true } } }, empty = "", n = -17 }
    assert.same(value, (json.decode(cjson.encode(value))))
  end)

  it("ends the guard of exits, whatever became of the document", function()
    local core = require "molbuild.core"
    local guard, seen = core.sys.guard_exit, {}
    core.sys.guard_exit = function(on) seen[#seen + 1] = on end
    json.decode "[1]"
    json.decode "["
    core.sys.guard_exit = guard
    assert.same({ true, false, true, false }, seen)
  end)
end)

describe("json.string", function()
  it("is read by another decoder as it was", function()
    local all = {}
    for code = 0, 0x7FF do all[#all + 1] = utf8.char(code) end
    local text = table.concat(all) .. "\u{FFFD}\u{1F600}"
    assert.equal(text, cjson.decode("[" .. json.string(text) .. "]")[1])
    assert.equal(text, json.decode(json.string(text)))
    assert.is_nil(json.string(text):find "[%c]")
  end)
end)

describe("a cjson that cannot be loaded", function()
  local loaded = { cjson = package.loaded.cjson, json = package.loaded["molbuild.base.json"] }
  after_each(function()
    package.preload.cjson = nil
    package.loaded.cjson, package.loaded["molbuild.base.json"] = loaded.cjson, loaded.json
  end)

  it("is an error of the machine in one line, not a bug", function()
    package.loaded.cjson, package.loaded["molbuild.base.json"] = nil, nil
    package.preload.cjson = function() error("from file '/x/cjson.so':\n\t/x/cjson.so: Input/output error", 0) end
    local ok, failure = pcall(require("molbuild.base.json").decode, "{}")
    assert.is_false(ok)
    assert.equal("failed", failure.kind)
    assert.equal("cannot load the Lua module cjson: from file '/x/cjson.so': /x/cjson.so: Input/output error", failure.message)
  end)

  it("since no file can be opened is not said to be missing", function()
    local fs = require("molbuild.core").fs
    local list = fs.list
    package.loaded.cjson, package.loaded["molbuild.base.json"] = nil, nil
    package.preload.cjson = function() error("module 'cjson' not found:\n\tno file '/x/cjson.so'", 0) end
    fs.list = function() return nil, "cannot read /: Too many open files", "EMFILE" end
    local ok, failure = pcall(require("molbuild.base.json").decode, "{}")
    fs.list = list
    assert.is_false(ok)
    assert.same({ "failed", "EMFILE", "cannot load the Lua module cjson: cannot read /: Too many open files" },
      { failure.kind, failure.code, failure.message })
    assert.truthy(failure.hint:find("ulimit -n", 1, true))
  end)
end)
