local cjson = require "cjson"
local events = require "molbuild.base.events"
local json = require "molbuild.progress.json"

describe("the json renderer", function()
  local out, renderer

  before_each(function()
    out = {}
    renderer = json.new {
      write = function(s)
        out[#out + 1] = s
      end,
    }
  end)

  it("writes one object per line, its keys in a fixed order", function()
    renderer:event {
      event = "retry", time = 1763989321.25, runtime = "hermes", step = "head", what = "HEAD", attempt = 2,
      attempts = 3, seconds = 0.5, message = "a/b",
    }
    assert.same({
      '{"v":1,"time":1763989321.25,"event":"retry","runtime":"hermes","step":"head","attempt":2,"attempts":3,'
        .. '"message":"a/b","seconds":0.5,"what":"HEAD"}\n',
    }, out)
  end)

  it("writes the version of the schema", function()
    renderer:event { event = "job_started", time = 1 }
    assert.equal(events.version, cjson.decode(out[1]).v)
  end)

  it("writes what it was given", function()
    local e = {
      event = "lock_waiting", time = 2, path = "/l", seconds = 30,
      holder = { pid = 7, host = "mill", start = 1700000000, purpose = 'build "x"\\' },
    }
    renderer:event(e)
    local read = cjson.decode(out[1])
    e.v = 1
    assert.same(e, read)
  end)

  it("writes empty lists and empty objects as what they are", function()
    renderer:event { event = "run_started", time = 1, args = {} }
    renderer:event { event = "failed", time = 1, tail = {} }
    renderer:event { event = "result", time = 1, steps = {} }
    assert.equal('{"v":1,"time":1,"event":"run_started","args":[]}\n', out[1])
    assert.equal('{"v":1,"time":1,"event":"failed","tail":[]}\n', out[2])
    assert.equal('{"v":1,"time":1,"event":"result","steps":{}}\n', out[3])
  end)

  it("escapes what would break the line", function()
    renderer:event { event = "line", time = 1, text = 'a\n"b"\\\0\27' }
    local _, newlines = out[1]:gsub("\n", "")
    assert.equal(1, newlines)
    assert.equal('a\n"b"\\\0\27', cjson.decode(out[1]).text)
  end)

  it("writes many lines in one call as it writes each", function()
    local lines = { "one", "", 'a "b" \\n \\\\ 5%1 / \t', "日本 …", "last" }
    for _, text in ipairs(lines) do
      renderer:event { event = "line", time = 1.5, runtime = "hermes", step = "build", text = text }
    end
    local singly = table.concat(out)
    out = {}
    renderer:lines({ event = "line", time = 1.5, runtime = "hermes", step = "build" },
      table.concat(lines, "\n") .. "\n")
    assert.same({ singly }, out)
  end)

  it("escapes what ends a line elsewhere", function()
    renderer:event { event = "line", time = 1, text = "a\u{2028}b\u{2029}c\u{85}d\u{2027}" }
    renderer:lines({ event = "line", time = 1 }, "a\u{2028}b\u{2029}c\n")
    assert.truthy(out[1]:find('"text":"a\\u2028b\\u2029c\\u0085d\u{2027}"', 1, true), out[1])
    assert.truthy(out[2]:find('"text":"a\\u2028b\\u2029c"', 1, true), out[2])
    assert.equal("a\u{2028}b\u{2029}c", cjson.decode(out[2]).text)
  end)

  describe("with more than 64 KiB to write", function()
    -- The event that was written, which must fit.
    local function written(e)
      renderer:event(e)
      assert.is_true(#out[1] < 65536, #out[1])
      assert.is_true(#out[1] > 16384, #out[1])
      assert.is_truthy(utf8.len(out[1]))
      return cjson.decode(out[1])
    end

    it("keeps the last lines of a tail, and the message", function()
      local tail = {}
      for i = 1, 40 do tail[i] = ("%d "):format(i) .. ("x"):rep(8000) end
      local e = written { event = "failed", time = 1, kind = "build", message = "m", tail = tail }
      assert.same({ "failed", "build", "m" }, { e.event, e.kind, e.message })
      assert.equal(tail[40], e.tail[#e.tail])
      assert.equal(40, #tail)
    end)

    it("cuts the one line of a tail that is too long", function()
      local e = written { event = "failed", time = 1, message = "m", tail = { "first", ("\27"):rep(16384), "last" } }
      assert.equal("first", e.tail[1])
      assert.equal("last", e.tail[3])
      assert.truthy(e.tail[2]:find "…$")
    end)

    it("cuts a message between its characters", function()
      local e = written { event = "log", time = 1, level = "info", message = ("日本"):rep(40000) }
      assert.truthy(e.message:find "^日本日本.*…$")
      assert.equal("info", e.level)
    end)

    it("keeps the first of many arguments", function()
      local args = {}
      for i = 1, 10000 do args[i] = tostring(i) end
      local e = written { event = "run_started", time = 1, args = args }
      assert.same({ "1", "2" }, { e.args[1], e.args[2] })
    end)

    it("leaves some of many steps out", function()
      local steps = {}
      for i = 1, 5000 do steps["step " .. i] = i end
      assert.is_number(written({ event = "result", time = 1, image = "i", steps = steps }).steps["step 1"])
    end)

    it("cuts no line that a child can print", function()
      local line = ("\""):rep(16384)
      renderer:lines({ event = "line", time = 1, runtime = ("r"):rep(2000) }, line .. "\n")
      assert.is_true(#out[1] < 65536)
      assert.equal(line, cjson.decode(out[1]).text)
    end)

    it("cuts a line where the names before it are long, too", function()
      renderer:lines({ event = "line", time = 1, step = ("\""):rep(20000) }, ("\""):rep(16384) .. "\nnext\n")
      assert.is_true(#out[1] < 65536)
      assert.equal("next", cjson.decode(out[2]).text)
    end)
  end)

  it("replaces bytes that are not UTF-8", function()
    renderer:event { event = "line", time = 1, text = "a\xFFb\xC3" }
    assert.equal("a\u{FFFD}b\u{FFFD}", cjson.decode(out[1]).text)
    assert.is_truthy(utf8.len(out[1]))
  end)
end)
