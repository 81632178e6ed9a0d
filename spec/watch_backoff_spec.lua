-- When a watch tries again what has failed.
local backoff = require "molbuild.machine.watch_backoff"

describe("a backoff", function()
  local function waits(count, options, asked)
    local one, list = backoff.new(options), {}
    for index = 1, count do list[index] = one:failed(0, asked) end
    return list, one
  end

  it("doubles up to its ceiling", function()
    local options = { first = 300, ceiling = 3600, random = function() return 0.5 end }
    assert.same({ 300, 600, 1200, 2400, 3600, 3600 }, (waits(6, options)))
    assert.equal(3600, (waits(2000, options))[2000]) -- 2 ^ 1999 is infinite
  end)

  it("is jittered by a quarter to either side", function()
    local values = { 0, 1 }
    assert.same({ 225, 750 }, (waits(2, { first = 300, ceiling = 3600, random = function() return table.remove(values, 1) end })))
  end)

  it("waits as long as a server asks, but no more than a day", function()
    local options = { first = 300, ceiling = 3600, random = function() return 0.5 end }
    assert.equal(7200, (waits(1, options, 7200))[1])
    assert.equal(300, (waits(1, options, 1))[1])
    assert.equal(86400, (waits(1, options, 10 ^ 12))[1])
    assert.equal(86400, (waits(1, options, math.huge))[1])
  end)

  it("begins again after a success, and says how long it took", function()
    local _, one = waits(1, { first = 300, ceiling = 3600, random = function() return 0.5 end })
    one:failed(1000)
    assert.equal(1600, one.till)
    assert.same({ 2, 5000 }, { one:succeeded(5000) })
    assert.same({ 0, 0 }, { one:succeeded(6000) })
    assert.equal(300, one:failed(7000))
    assert.equal(7300, one.till)
  end)
end)
