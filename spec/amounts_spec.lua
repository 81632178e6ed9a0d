-- Sizes, ages and dates.
local amounts = require "molbuild.base.amounts"

describe("amounts", function()
  it("read a size in decimal and binary units", function()
    local sizes = {
      ["20GB"] = 20000000000, ["512MB"] = 512000000, ["512mb"] = 512000000, ["1.5TiB"] = 1649267441664, ["7B"] = 7,
      ["3 kB"] = 3000, [" 2G "] = 2000000000, ["1KiB"] = 1024, ["1Ki"] = 1024, ["0"] = 0, ["0.5MB"] = 500000,
    }
    for word, bytes in pairs(sizes) do assert.equal(bytes, amounts.bytes(word, "--free"), word) end
    assert.equal(4096, amounts.bytes(4096, "gc.free"))
  end)

  it("read an age", function()
    local ages = {
      ["30d"] = 2592000, ["12h"] = 43200, ["90m"] = 5400, ["2w"] = 1209600,
      ["45s"] = 45, ["0"] = 0, ["0.5d"] = 43200,
    }
    for word, seconds in pairs(ages) do assert.equal(seconds, amounts.seconds(word, "--older-than"), word) end
    assert.equal(3600, amounts.seconds(3600, "gc.older_than"))
  end)

  it("refuse anything else, by the name of the place", function()
    for _, word in ipairs { "", "GB", "20XB", "-1GB", "1e9", "inf", "20 GB 3", "0x10", "20", "1.5", "99999999999PB" } do
      local ok, failure = pcall(amounts.bytes, word, "--free")
      assert.is_false(ok, word)
      assert.same({ "usage", ('--free must be a size, such as 20GB or 512MiB, not "%s"'):format(word) },
        { failure.kind, failure.message })
    end
    for _, word in ipairs { "", "d", "30x", "-3d", "30dd", "30", " 30 ", "1.5", "3month" } do
      local ok, failure = pcall(amounts.seconds, word, "--older-than")
      assert.is_false(ok, word)
      assert.equal(('--older-than must be an age, such as 30d or 12h, not "%s"'):format(word), failure.message)
    end
  end)

  it("read what docker and podman print", function()
    assert.equal(11450, amounts.printed "11.45kB")
    assert.equal(0, amounts.printed "0B")
    assert.is_nil(amounts.printed "N/A")
    assert.is_nil(amounts.printed(nil))
  end)

  it("show a size with three digits at most", function()
    local shown = {
      [0] = "0 B", [7] = "7 B", [999] = "999 B", [1000] = "1.0 kB", [1234] = "1.2 kB", [99949] = "99.9 kB", [99950] = "100 kB",
      [999499] = "999 kB", [999500] = "1.0 MB", [20000000000] = "20.0 GB", [-1500] = "-1.5 kB", [7 * 10 ^ 18] = "7000 PB",
    }
    for bytes, words in pairs(shown) do assert.equal(words, amounts.size(bytes)) end
  end)

  it("show an age by its largest unit", function()
    local shown = {
      [-5] = "0s", [0] = "0s", [119.9] = "119s", [120] = "2m", [7199] = "119m", [7200] = "2h", [172799] = "47h", [172800] = "2d",
      [86400 * 365] = "365d",
    }
    for seconds, words in pairs(shown) do assert.equal(words, amounts.age(seconds)) end
  end)

  it("read the dates of engines and labels", function()
    local times = {
      ["1970-01-01T00:00:00Z"] = 0, ["2026-11-26T02:46:50.123456789Z"] = 1795661210, ["2026-11-26T03:46:50+01:00"] = 1795661210,
      ["2026-11-25T21:16:50-05:30"] = 1795661210, ["2000-02-29T00:00:00Z"] = 951782400, ["1969-12-31T23:59:59Z"] = -1,
    }
    for date, seconds in pairs(times) do assert.equal(seconds, amounts.time(date), date) end
    for _, wrong in ipairs { "", "yesterday", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-01T24:00:00Z",
      "2026-01-01T00:00:00", "2026-01-01", "2026-01-32T00:00:00Z" } do
      assert.is_nil(amounts.time(wrong), wrong)
    end
    assert.is_nil(amounts.time(17))
  end)
end)
