-- The record of a shared image on its way through a registry: what another host reads of it, and what it never takes.
local record = require "molbuild.machine.record"
local shared_record = require "molbuild.machine.shared_record"

describe("the record of a shared image", function()
  it("arrives as it was sent, whatever its length", function()
    for _, length in ipairs { 1, 2, 3, 24 * 1024, record.MAX } do
      local document, signature = ("x\n"):rep(length):sub(1, length), ("y"):rep(math.min(length, record.SIGNATURE_MAX))
      local labels = shared_record.labels(document, signature)
      for _, value in pairs(labels) do assert.is_true(#value <= 32 * 1024 and not value:find "[%s\"']") end
      assert.same({ document = document, signature = signature }, shared_record.parse(labels))
    end
  end)

  it("is called after the image and its id", function()
    assert.equal("r.example/t/x:0123.abcdefabcdef.record",
      shared_record.name("r.example/t/x:0123", "sha256:" .. ("abcdef"):rep(10) .. "0000"))
  end)

  local function label(number) return ("app.molecule.record.%d"):format(number) end

  local HOSTILE = {
    ["nothing"] = {},
    ["a number"] = { [label(1)] = 7 },
    ["no signature"] = { [label(1)] = "eA==" },
    ["an empty signature"] = { [label(1)] = "eA==." },
    ["no base64"] = { [label(1)] = "e A==.eA==" },
    ["broken padding"] = { [label(1)] = "eA=.eA==" },
    ["a part that is missing"] = { [label(2)] = "eA==.eA==" },
    ["three texts"] = { [label(1)] = "eA==.eA==.eA==" },
    ["a part that is too long"] = { [label(1)] = ("eHh4"):rep(9 * 1024) .. ".eA==" },
    ["a signature that is too long"] = shared_record.labels("x", ("y"):rep(record.SIGNATURE_MAX + 1)),
    ["a record that is too long"] = shared_record.labels(("x"):rep(record.MAX + 1), "y"),
  }

  it("is not taken from the labels of anything else", function()
    for what, labels in pairs(HOSTILE) do
      assert.same({ message = "what the registry has is no record" }, shared_record.parse(labels), what)
    end
  end)

  it("is of use only to a machine that knows keys", function()
    assert.is_false(shared_record.is_wanted {})
    for _, field in ipairs { "attested", "attest_signers", "signing_key" } do
      assert.is_true(shared_record.is_wanted { [field] = "x" })
    end
  end)
end)
