--- The words of a test file, busted's: describe, it, before_each, ... They make a tree of blocks and tests; running it is
--- runner.lua's.
local assertions = require "molbuild.testing.assertions"

local suite = {}

---@class molbuild.testing.Block
---@field name string
---@field parent molbuild.testing.Block?
---@field children (molbuild.testing.Block|molbuild.testing.Test)[]
---@field hooks table<string, function[]>  setup, teardown, before_each, after_each

---@class molbuild.testing.Test
---@field name string
---@field test function|false  false: pending
---@field block molbuild.testing.Block
---@field path string
---@field line integer

local BLOCKS = { "describe", "context", "insulate", "expose" }
local TESTS = { "it", "spec", "test" }
local HOOKS = {
  before_each = "before_each", after_each = "after_each", setup = "setup", lazy_setup = "setup", strict_setup = "setup",
  teardown = "teardown", lazy_teardown = "teardown", strict_teardown = "teardown",
}

local function new_block(name, parent)
  return {
    name = name, parent = parent, children = {},
    hooks = { setup = {}, teardown = {}, before_each = {}, after_each = {} },
  }
end

local function check(word, name, fn, needs_fn)
  if type(name) ~= "string" then
    error(("%s needs a name, not %s"):format(word, type(name)), 3)
  elseif type(fn) ~= "function" and (needs_fn or fn ~= nil) then
    error(('%s "%s" needs a function, not %s'):format(word, name, type(fn)), 3)
  end
end

-- The line of the test file that calls.
local function line_of_caller()
  local info = debug.getinfo(3, "Sl")
  return info.source:gsub("^@", ""), info.currentline
end

local function add_blocks(state, words)
  for _, word in ipairs(BLOCKS) do
    words[word] = function(name, fn)
      check(word, name, fn, true)
      local block = new_block(name, state.block)
      table.insert(state.block.children, block)
      state.block = block
      fn()
      state.block = block.parent
    end
  end
end

local function add_tests(state, words)
  for _, word in ipairs(TESTS) do
    words[word] = function(name, fn)
      check(word, name, fn)
      if state.running then
        error(("%s inside of a test"):format(word), 2)
      end
      local path, line = line_of_caller()
      table.insert(state.block.children, { name = name, test = fn or false, block = state.block, path = path, line = line })
    end
  end
  function words.pending(name)
    if state.running then -- the rest of this test
      error(setmetatable({ message = tostring(name or "pending") }, suite.Pending), 0)
    end
    local path, line = line_of_caller()
    table.insert(state.block.children, { name = tostring(name), test = false, block = state.block, path = path, line = line })
  end
end

--- What is raised by pending() inside of a test.
suite.Pending = { __name = "molbuild.testing.pending" }

--- The words for one file, and the state that they fill.
---@return table<string, any> words
---@return { root: molbuild.testing.Block, block: molbuild.testing.Block, running: table? } state  running: the test's own list
---  of what finally() is to call
function suite.new()
  local root, words = new_block "", { assert = assertions.new() }
  local state = { root = root, block = root }
  add_blocks(state, words)
  add_tests(state, words)
  for word, hook in pairs(HOOKS) do
    words[word] = function(fn)
      check(word, word, fn, true)
      table.insert(state.block.hooks[hook], fn)
    end
  end
  function words.finally(fn)
    check("finally", "finally", fn, true)
    if not state.running then
      error("finally must be called inside of a test", 2)
    end
    table.insert(state.running, fn)
  end
  return words, state
end

--- All tests below a block, in order.
---@param block molbuild.testing.Block
---@param list molbuild.testing.Test[]?
---@return molbuild.testing.Test[]
function suite.tests(block, list)
  list = list or {}
  for _, child in ipairs(block.children) do
    if child.children then
      suite.tests(child, list)
    else
      list[#list + 1] = child
    end
  end
  return list
end

--- The whole name of a test: those of its blocks, and its own.
---@param test molbuild.testing.Test
---@return string
function suite.full_name(test)
  local names, block = { test.name }, test.block
  while block.parent do
    table.insert(names, 1, block.name)
    block = block.parent
  end
  return table.concat(names, " ")
end

return suite
