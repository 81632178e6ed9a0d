local cjson = require "cjson"
local events = require "molbuild.events"
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

  it("writes one object a line, its keys in a fixed order", function()
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

  it("writes many lines at once as it writes each", function()
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

  it("replaces bytes that are not UTF-8", function()
    renderer:event { event = "line", time = 1, text = "a\xFFb\xC3" }
    assert.equal("a\u{FFFD}b\u{FFFD}", cjson.decode(out[1]).text)
    assert.is_truthy(utf8.len(out[1]))
  end)
end)
