-- The options and words that follow a script.
local arguments = require "molbuild.base.arguments"

local ROWS = { { "--keep", "N", "how many" }, { "--dry-run", nil, "change nothing" } }

local function parse(...)
  return arguments.parse({ ... }, ROWS, "--all")
end

describe("the arguments of a verb", function()
  it("are options and words, in any order", function()
    assert.same({ { keep = "2", dry_run = true }, { "hermes", "codex" } }, { parse("hermes", "--keep=2", "codex", "--dry-run") })
    assert.same({ { keep = "2" }, { "hermes" } }, { parse("--keep", "2", "hermes") })
    assert.same({ {}, {} }, { parse() })
  end)

  it("are words alone behind --, and where a word only looks like an option", function()
    assert.same({ {}, { "--all", "--keep" } }, { parse("--all", "--", "--keep") })
    assert.same({ {}, { "-" } }, { parse "-" })
  end)

  for _, case in ipairs {
    { "an unknown one", { "--kep=2" }, 'unknown option --kep; did you mean "--keep"?' },
    { "a short one", { "-x" }, "unknown option -x" },
    { "one that is given twice", { "--keep=1", "--keep=1" }, "option --keep is given twice" },
    { "one without its value", { "--keep" }, "option --keep needs a value" },
    { "one with an empty value", { "--keep=" }, "option --keep needs a value" },
    { "a value for a switch", { "--dry-run=yes" }, "option --dry-run takes no value" },
  } do
    it("refuse " .. case[1], function()
      local ok, failure = pcall(parse, table.unpack(case[2]))
      assert.is_false(ok)
      assert.same({ "usage", case[3] }, { failure.kind, failure.message })
    end)
  end
end)
