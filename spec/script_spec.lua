-- What identifies a policy in a record: its text, what it has loaded, and the files that it loads later as parts of its own.
local run = require "spec.support.run"
local sh = require "spec.support.sh"

local POLICY = [[
local policy = { settings = { parts = { { "part.lua", "made" } } } }
function policy.run()
  policy.made()
  return molbuild.task.scope().policy().sha256
end
function policy.made() return molbuild.load("part.lua").made(policy) end
return policy
]]

describe("the digest of a policy", function()
  local dir

  before_each(function()
    dir = sh.temporary "digest"
    sh.write(dir .. "/policy.lua", POLICY)
    sh.write(dir .. "/part.lua", "local part = {} function part.made() end return part")
  end)

  after_each(function() sh.remove(dir) end)

  local function digest(cwd)
    local ended = run.run { args = { "run", dir .. "/policy.lua" }, cwd = cwd }
    assert.equal(0, ended.status, ended.stderr)
    return ended.stdout
  end

  it("is the same each time, from any directory", function()
    assert.equal(digest(), digest "/")
  end)

  for _, file in ipairs { "policy.lua", "part.lua" } do
    it("is another one when " .. file .. " is", function()
      local before = digest()
      sh.write(dir .. "/" .. file, sh.read(dir .. "/" .. file) .. "\n-- changed")
      assert.are_not.equal(before, digest())
    end)
  end

  it("is an error where a part is missing", function()
    sh.write(dir .. "/policy.lua", (POLICY:gsub("  policy%.made%(%)\n", "")))
    sh.remove(dir .. "/part.lua")
    local ended = run.run { args = { "run", dir .. "/policy.lua" } }
    assert.equal(2, ended.status)
    assert.truthy(ended.stderr:find("no script part.lua; looked for", 1, true), ended.stderr)
  end)
end)

describe("the text of the policy that runs", function()
  it("is not that of a part which it has loaded since", function()
    local dir = sh.temporary "script"
    sh.write(dir .. "/part.lua", "return {}")
    sh.write(dir .. "/main.lua", [[
      return {
        run = function()
          molbuild.load "part.lua"
          return tostring(molbuild.task.scope().run.source():find("is the policy", 1, true) ~= nil)
        end,
      }]])
    local result = run.run { args = { "run", "-q", dir .. "/main.lua" } }
    sh.remove(dir)
    assert.equal("true\n", result.stdout, result.stderr)
  end)
end)

describe("a policy that keeps running", function()
  it("loads its parts as they were when it began, and as they are when it is loaded again", function()
    local dir = sh.temporary "script"
    sh.write(dir .. "/part.lua", "return { 'one' }")
    sh.write(dir .. "/main.lua", [[
      return {
        verbs = { go = "go", run = "run" },
        run = function() return "x" end,
        go = function()
          local seen = {}
          local function look() seen[#seen + 1] = molbuild.load("part.lua")[1] end
          molbuild.keep_files()
          look()
          molbuild.core.fs.write_atomic("]] .. dir .. [[/part.lua", "return { 'two' }")
          look()
          molbuild.reload()
          look()
          molbuild.core.fs.write_atomic("]] .. dir .. [[/main.lua", "return {")
          molbuild.core.fs.write_atomic("]] .. dir .. [[/part.lua", "return { 'three' }")
          seen[#seen + 1] = tostring(pcall(molbuild.reload))
          look()
          return table.concat(seen, " ")
        end,
      }]])
    local result = run.run { args = { "go", "-q", dir .. "/main.lua" } }
    sh.remove(dir)
    assert.equal("one one two false two\n", result.stdout, result.stderr)
  end)
end)
