-- What verbs print: rows as a table and as objects.
local encode = require "molbuild.progress.encode"
local rows = require "molbuild.base.rows"

local function sample()
  local list = rows.new {
    columns = { { "name" }, { "size", align = "right", shown = function(n) return n .. " B" end }, { "last_used" } },
  }
  list:add { name = "a", size = 7, last_used = "long ago", more = true }
  list:add { name = "bä", size = 0, last_used = nil }
  return list
end

describe("rows", function()
  it("are a table with titles, aligned by columns", function()
    assert.equal("NAME  SIZE  LAST USED\na      7 B  long ago\nbä     0 B  -\n", sample():text())
  end)

  it("are objects with all fields, those of the columns first", function()
    assert.equal('{"name":"a","size":7,"last_used":"long ago","more":true}\n{"name":"bä","size":0}\n', sample():json(encode.object))
  end)

  it("are followed by notes, which stand alone without rows", function()
    local list = sample()
    list:note "2 in all"
    assert.equal("2 in all", list:text():match "([^\n]*)\n$")
    local none = rows.new { columns = { { "name" } } }
    none:note "nothing"
    assert.equal("nothing\n", none:text())
    assert.equal("", none:json(encode.object))
  end)

  it("wrap the last column so that 80 columns are enough, and keep a word whole", function()
    local list = rows.new { columns = { { "name" }, { "reason" } } }
    list:add { name = "x", reason = ("word "):rep(30) .. ("y"):rep(90) }
    local lines = {}
    for line in list:text():gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(4, #lines)
    for index = 1, 3 do assert.is_true(#lines[index] <= 80, lines[index]) end
    assert.equal("      " .. ("y"):rep(90), lines[4])
  end)

  it("cannot steer a terminal, and lines stay lines", function()
    local list = rows.new { columns = { { "name" } } }
    list:add { name = "a\n\27[31mb" }
    assert.equal("NAME\na | b\n", (list:text():gsub("%[31m", "")))
  end)
end)
