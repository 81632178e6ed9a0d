-- The options of the library's functions: an unknown one is an error, and the known ones are those of the stubs.
local errors = require "molbuild.base.errors"
local molbuild = require "molbuild"
local sh = require "spec.support.sh"

local engine = molbuild.docker.engine { command = "docker" }

--- Each function with a call that has the option `time_out`, or one like it.
local CALLS = {
  ["molbuild.retry.run"] = function(o) molbuild.retry.run(o, print) end,
  ["molbuild.token.find"] = function(o) molbuild.token.find("https://h/o/r", o) end,
  ["molbuild.gitea.branch_head"] = function(o) molbuild.gitea.branch_head("https://h/o/r", "main", o) end,
  ["molbuild.cache.lock"] = function(o) molbuild.cache.lock("/nonexistent", "x", o) end,
  ["molbuild.git.branch_head"] = function(o) molbuild.git.branch_head("https://h/o/r", "main", o) end,
  ["molbuild.git.tree"] = function(o) molbuild.git.tree(o) end,
  ["engine:build"] = function(o) engine:build(o) end,
  ["engine:pull"] = function(o) engine:pull("a:b", o) end,
  ["engine:push"] = function(o) engine:push("a:b", o) end,
  ["molbuild.image.obtain"] = function(o) molbuild.image.obtain(engine, "a:b", o) end,
  ["molbuild.job.run_all"] = function(o) molbuild.job.run_all({}, print, o) end,
}

describe("an option of the library", function()
  for name, call in pairs(CALLS) do
    it(("that %s does not have is an error with the caller's line"):format(name), function()
      local line = debug.getinfo(call, "S").linedefined
      local ok, failure = pcall(call, { nonsense = 1 })
      assert.is_false(ok)
      assert.is_true(errors.is(failure, "bug"), tostring(failure))
      assert.equal(("spec/option_names_spec.lua:%d: %s: nonsense: unknown option"):format(line, name), failure.message)
    end)
  end

  it("that is nearly a known one comes with that one's name", function()
    local _, failure = pcall(CALLS["molbuild.git.tree"], { time_out = 1 })
    assert.truthy(failure.message:find('time_out: unknown option; did you mean "timeout"?', 1, true), failure.message)
    _, failure = pcall(CALLS["engine:build"], { build_arg = {} })
    assert.truthy(failure.message:find('did you mean "build_args"?', 1, true), failure.message)
  end)

  for path, pair in pairs {
    ["lua/molbuild/repository/store.lua"] = { "molbuild.TreeOptions", "molbuild.git.tree" },
    ["lua/molbuild/engine/build.lua"] = { "molbuild.BuildOptions", "engine:build" },
    ["lua/molbuild/engine/transfer.lua"] = { "molbuild.TransferOptions", "engine:pull", "engine:push" },
  } do
    it(("of %s is known when %s has it"):format(pair[2], pair[1]), function()
      local class = assert(sh.read(path)):match("%-%-%-@class " .. pair[1]:gsub("%p", "%%%0") .. "\n(.-)\n[^-]")
      local count = 0
      for field in class:gmatch "%-%-%-@field ([%w_]+)" do
        local _, failure = pcall(CALLS[pair[2]], { [field] = {}, nonsense = 1 })
        assert.truthy(tostring(failure):find("nonsense: unknown option", 1, true), field .. ": " .. tostring(failure))
        count = count + 1
      end
      assert.is_true(count >= 5)
    end)
  end
end)
