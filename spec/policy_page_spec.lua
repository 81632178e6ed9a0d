-- docs/policy.md: the functions of ensure.lua that it lists, and the messages about mistakes in forks.
local molbuild = require "molbuild"

--- The rows of the page's table about mistakes: the code of a fork, the message, the exit status.
local function mistakes()
  local file <close> = assert(io.open "docs/policy.md")
  local rows, section = {}, file:read "a":match "\n## Mistakes and their messages\n(.*)$"
  for code, message, exit in section:gmatch "\n| `+ ?([^|]-) ?`+ | `+ ?([^|]-) ?`+ | (%d+) |" do
    rows[#rows + 1] = { code = code, message = message, exit = math.tointeger(exit) }
  end
  return rows
end

describe("a mistake in a fork", function()
  local rows = mistakes()

  it("is listed in the page", function() assert.is_true(#rows >= 25, #rows) end)

  for _, row in ipairs(rows) do
    it("has the message that the page shows: " .. row.code, function()
      local world = molbuild.testing.world {
        fork = ('local ensure = molbuild.load "ensure.lua"\n%s\nreturn ensure\n'):format(row.code),
      }
      local run = world:run "hermes"
      assert.equal(row.exit, run.exit, run.stderr)
      assert.equal("", run.stdout)
      assert.matches(row.message, run.stderr, 1, true)
    end)
  end
end)

describe("the functions that docs/policy.md lists", function()
  local policy = molbuild.load "scripts/ensure.lua"
  local rows, functions = policy.settings, molbuild.load "scripts/ensure-functions.lua"

  it("are those of ensure.lua", function()
    local listed, present = {}, {}
    for _, row in ipairs(functions) do listed[row[1]] = true end
    for name, value in pairs(policy) do present[name] = type(value) == "function" or nil end
    for verb in pairs(rows.verbs) do present[verb] = verb == "run" or nil end -- the others are files
    assert.same(present, listed)
  end)

  it("are all of those whose results are checked", function()
    local listed = {}
    for _, row in ipairs(functions) do listed[row[1]] = true end
    for name in pairs(rows.gives) do assert.is_true(listed[name], name) end
  end)
end)
