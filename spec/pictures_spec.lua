local picture = require "spec.support.picture"
local record = require "spec.support.record"

describe("the picture of plain lines in docs/reference.md", function()
  it("is the renderer's output for the recorded run", function()
    local out = {}
    local renderer = require("molbuild.progress.plain").new {
      words = require "spec.support.words",
      write = function(text)
        out[#out + 1] = text
      end,
    }
    for _, moment in ipairs { "in the middle", "at the end" } do
      for _, e in ipairs(picture.events(moment)) do
        renderer:event(e)
      end
    end
    renderer:close()
    assert.equal(table.concat(picture.on_page "plain", "\n") .. "\n", table.concat(out))
  end)

  it("is of a run as docs/events.md describes it", function()
    local file = assert(io.open "spec/support/picture.jsonl")
    local list = record.events(file:read "a")
    file:close()
    assert.equal("run_ended", list[#list].event)
  end)
end)
