-- The report of dropped output.
local stream = require "molbuild.progress.stream"

describe("the stream to stderr", function()
  local full, reason, out, s

  before_each(function()
    full, reason, out = false, nil, {}
    s = stream.new {
      put = function(fd, text, spare)
        assert.equal(2, fd)
        if full == true or full == "spare" and spare then
          return false, select(2, text:gsub("\n", "")), reason
        end
        out[#out + 1] = text
        return true
      end,
      pending = function() return full and 1 or 0 end,
      flush = function() end,
    }
    s.renderer = { note = function(_, message) return message .. "\n" end }
  end)

  it("writes what it is given", function()
    s:write "one\n"
    s:finish()
    assert.same({ "one\n" }, out)
    assert.is_true(s:is_free())
  end)

  it("reports the lines that were dropped before what is written next", function()
    full = true
    s:write("1\n2\n", true)
    s:write("3\n", true)
    assert.is_false(s:is_free())
    full = false
    s:write "four\n"
    s:write "five\n"
    assert.same({ "3 lines were dropped: stderr was not read\nfour\n", "five\n" }, out)
  end)

  it("reports them once, however often it is tried", function()
    full = true
    for _ = 1, 5 do s:write("x\n", true) end
    full = "spare"
    s:write "important\n"
    full = false
    s:write("y\n", true)
    assert.same({ "5 lines were dropped: stderr was not read\nimportant\n", "y\n" }, out)
  end)

  it("reports them at the end where nothing follows", function()
    full = true
    s:write "x\n"
    full = false
    s:finish()
    assert.same({ "1 line was dropped: stderr was not read\n" }, out)
  end)

  it("says why they could not be written", function()
    full, reason = true, "No space left on device"
    s:write "x\n"
    full = false
    s:write "y\n"
    assert.same({ "1 line was dropped: stderr could not be written: No space left on device\ny\n" }, out)
  end)

  it("leaves it to a renderer without such lines", function()
    s.renderer = {}
    full = true
    s:write "x\n"
    full = false
    s:write "y\n"
    s:finish()
    assert.same({ "y\n" }, out)
  end)
end)
