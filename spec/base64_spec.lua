-- Base64: what RFC 4648 has as its tests, and what is no base64.
local base64 = require "molbuild.base.base64"

describe("base64", function()
  for data, text in pairs {
    [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==", fooba = "Zm9vYmE=", foobar = "Zm9vYmFy",
    ["\0\xFF\xFE"] = "AP/+",
  } do
    it(("of %q is %q, both ways"):format(data, text), function()
      assert.equal(text, base64.encode(data))
      assert.equal(data, base64.decode(text))
    end)
  end

  it("of any bytes is read as they were", function()
    local bytes = {}
    for value = 0, 255 do bytes[#bytes + 1] = string.char(value) end
    local all = table.concat(bytes)
    for length = 0, 256 do assert.equal(all:sub(1, length), base64.decode(base64.encode(all:sub(1, length)))) end
  end)

  for _, text in ipairs { "Zg", "Zg=", "Zg===", "=", "Z===", "Zm9v=", "Zm-v", "Zm9v\0", "Zg==Zg==", "Zm9v\n" } do
    it(("is not %q"):format(text), function()
      assert.is_nil(base64.decode(text))
    end)
  end
end)
