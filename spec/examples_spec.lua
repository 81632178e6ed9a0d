-- The policies of docs/examples: each one is shown in docs/policy.md, passes `molbuild check`, and has a test, which passes.
local core = require "molbuild.core"
local pages = require "spec.support.pages"
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local DIR = "docs/examples"

describe("the examples", function()
  local scripts = sh.run "pwd" .. "/scripts"
  local policies, tests = {}, {}
  for _, name in ipairs(assert(core.fs.list(DIR))) do
    if name:find "%.lua$" then
      table.insert(name:find "_test%.lua$" and tests or policies, name)
    end
  end
  table.sort(policies)
  table.sort(tests)

  local function paths(names)
    local list = {}
    for index, name in ipairs(names) do list[index] = DIR .. "/" .. name end
    return list
  end

  it("are in the page of policies, and each has a test", function()
    local shown, with_test = table.move(pages.examples, 1, #pages.examples, 1, {}), {}
    table.sort(shown)
    assert.same(policies, shown)
    for index, name in ipairs(tests) do with_test[index] = name:gsub("_test", "") end
    assert.same(policies, with_test)
  end)

  it("pass molbuild check", function()
    local result = run.run { args = { "check", table.unpack(paths(policies)) }, env = { MOLBUILD_PATH = scripts } }
    assert.same({ 0, "", "" }, { result.status, result.stdout, result.stderr })
  end)

  it("pass their tests under molbuild test, which reach all of their lines", function()
    local result = run.run { args = { "test", DIR, "--min-coverage=100" }, env = { MOLBUILD_PATH = scripts }, timeout = 600 }
    assert.equal(0, result.status, result.stdout)
    assert.matches("coverage: 100.0 %", result.stdout, 1, true)
    assert.matches("%d+ tests: %d+ passed, 0 failed %(", result.stdout)
  end)

  it("pass their tests under busted", function()
    local out = sh.run(("%s spec/support/busted.lua --output=TAP %s"):format(sh.quote(core.sys.executable()),
      table.concat(paths(tests), " ")))
    assert.is_nil(out:find "not ok")
    local passed = select(2, out:gsub("\nok ", ""))
    assert.is_true(passed >= 3 * #tests, out)
  end)
end)
