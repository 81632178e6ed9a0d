local cjson = require "cjson"
local results = require "molbuild.results"

describe("the results on stdout", function()
  local r

  before_each(function()
    r = results.new()
    r:event { event = "run_started", time = 1, script = "s", version = "1", path = "/s", args = {} }
    for index, name in ipairs { "codex", "hermes" } do
      r:event {
        event = "result", time = 1, runtime = name, image = "m/" .. name .. ":0f", sha = "0f" .. index,
        image_id = "sha256:" .. index, outcome = index == 1 and "hit" or "built", seconds = index, steps = { head = 0.5 },
      }
    end
  end)

  it("are a line a value as text", function()
    assert.equal("m/hermes:0f\n7\nnil\ntrue\n", r:text(table.pack("m/hermes:0f", 7, nil, true)))
    assert.equal("", r:text(table.pack()))
  end)

  it("are an object a value as JSON, in the order of the values, each with its own seconds", function()
    assert.equal(
      '{"runtime":"hermes","image":"m/hermes:0f","sha":"0f2","image_id":"sha256:2","outcome":"built","seconds":2,'
        .. '"steps":{"head":0.5}}\n'
        .. '{"runtime":"codex","image":"m/codex:0f","sha":"0f1","image_id":"sha256:1","outcome":"hit","seconds":1,'
        .. '"steps":{"head":0.5}}\n',
      r:text(table.pack("m/hermes:0f", "m/codex:0f"), true))
  end)

  it("stand there twice when they were asked for twice", function()
    local text = r:text(table.pack("m/codex:0f", "m/codex:0f"), true)
    local first, second = text:match "^([^\n]+)\n([^\n]+)\n$"
    assert.equal(first, second)
  end)

  it("are never left out of JSON: a value that is no image stands there as it is", function()
    local lines = {}
    for line in r:text(table.pack("other", 7, nil, true), true):gmatch "[^\n]+" do
      lines[#lines + 1] = cjson.decode(line).value
    end
    assert.same({ "other", 7, "nil", "true" }, lines)
  end)
end)
