--- Runs test files: each file has words and globals of its own, each test its hooks, and failures are reported with the line
--- of the test file.
local assertions = require "molbuild.testing.assertions"
local core = require "molbuild.core"
local coverage = require "molbuild.testing.coverage"
local suite = require "molbuild.testing.suite"
local text_file = require "molbuild.base.text_file"

local runner = {}

-- Lua's own, whatever coverage puts in its place: a test is no policy.
local load = load

---@class molbuild.testing.Result
---@field status "passed"|"failed"|"error"|"pending"  failed: an assertion; error: anything else that was raised
---@field name string
---@field path string
---@field line integer?  of the failure; of the test where it passed
---@field message string?
---@field traceback string?
---@field seconds number

-- The innermost line of the test file among the callers.
local function line_in(path)
  local level = 3
  while true do
    local info = debug.getinfo(level, "Sl")
    if not info then
      return nil
    elseif info.source == "@" .. path and info.currentline > 0 then
      return info.currentline
    end
    level = level + 1
  end
end

local function text_of(raised)
  if type(raised) == "table" and not getmetatable(raised) and raised.message == nil then
    return require("molbuild.testing.show").value(raised)
  end
  return tostring(type(raised) == "table" and rawget(raised, "message") or raised)
end

-- For xpcall: what was raised, as the fields of a result.
local function handler(path)
  return function(raised)
    local line, message = line_in(path), text_of(raised)
    local at, rest = message:match("^" .. path:gsub("%p", "%%%0") .. ":(%d+): (.*)$")
    local is_failure, is_pending = assertions.is(raised), getmetatable(raised) == suite.Pending
    return {
      status = is_pending and "pending" or is_failure and "failed" or "error",
      line = tonumber(at) or line, message = rest or message,
      traceback = raised ~= nil and not is_failure and not is_pending and debug.traceback(nil, 2) or nil,
    }
  end
end

local function try(path, fn, ...)
  local ok, problem = xpcall(fn, handler(path), ...)
  return not ok and problem or nil
end

local function chain(block)
  local blocks = {}
  while block do
    table.insert(blocks, 1, block)
    block = block.parent
  end
  return blocks
end

-- Call the hooks of a name, those of the outer block first, or last; gives the first problem.
local function call_hooks(path, blocks, name, outwards)
  local first
  for index = 1, #blocks do
    local block = blocks[outwards and #blocks - index + 1 or index]
    for _, fn in ipairs(block.hooks[name]) do
      local problem = try(path, fn)
      first = first or problem
      if problem and not outwards then
        return first
      end
    end
  end
  return first
end

local function run_test(state, test, path)
  local blocks, finally = chain(test.block), {}
  state.running = finally
  local problem = call_hooks(path, blocks, "before_each", false) or try(path, test.test)
  for index = #finally, 1, -1 do
    local late = try(path, finally[index])
    problem = problem or late
  end
  local late = call_hooks(path, blocks, "after_each", true)
  state.running = nil
  return problem or late
end

local function result_of(test, problem, seconds)
  local result = {
    name = suite.full_name(test), path = test.path, line = test.line, status = "passed", seconds = seconds,
  }
  for name, value in pairs(problem or {}) do
    result[name] = value
  end
  return result
end

local run_block

local function run_child(state, child, path, report)
  if child.children then
    return run_block(state, child, path, report)
  elseif not child.test then
    return report(result_of(child, { status = "pending" }, 0))
  end
  local started = core.sys.monotonic()
  local problem = run_test(state, child, path)
  report(result_of(child, problem, core.sys.monotonic() - started))
end

function run_block(state, block, path, report)
  if #suite.tests(block) == 0 then
    return
  end
  local problem = call_hooks(path, { block }, "setup", false)
  if problem then -- none of its tests can be run
    for _, test in ipairs(suite.tests(block)) do
      report(result_of(test, problem, 0))
    end
  else
    for _, child in ipairs(block.children) do
      run_child(state, child, path, report)
    end
  end
  problem = call_hooks(path, { block }, "teardown", true)
  if problem then
    report { name = ("teardown of %s"):format(block.name ~= "" and block.name or "the file"), path = path, line = problem.line,
      status = problem.status, message = problem.message, traceback = problem.traceback, seconds = 0 }
  end
end

local function copy(library)
  local own = {}
  for name, value in pairs(library) do
    own[name] = value
  end
  return own
end

-- The globals of a file: Lua's own and the words. stdout has the results alone, and no test ends the program.
local function globals_of(words)
  local env = setmetatable(copy(words), { __index = _G })
  env._G, env.os, env.io = env, copy(os), copy(io)
  function env.os.exit()
    error("os.exit must not be called in a test: the tests after it would not run", 2)
  end
  env.io.stdout = io.stderr
  function env.io.write(...) return io.stderr:write(...) end
  function env.print(...)
    local texts = table.pack(...)
    for index = 1, texts.n do
      texts[index] = tostring(texts[index])
    end
    io.stderr:write(table.concat(texts, "\t"), "\n")
  end
  return env
end

local function load_file(path, words)
  local source, message = text_file.read_lua(path)
  if not source then
    return nil, message
  end
  return load(source, "@" .. path, "t", globals_of(words))
end

local function run_file(path, report)
  local words, state = suite.new()
  local chunk, message = load_file(path, words)
  local problem = chunk and try(path, chunk)
  if not chunk then
    local line, rest = message:match("^" .. path:gsub("%p", "%%%0") .. ":(%d+): (.*)$")
    problem = { line = tonumber(line), message = rest or message, status = "error" }
  end
  if problem then
    return report { name = "the file cannot be loaded", path = path, line = problem.line, status = "error",
      message = problem.message, traceback = problem.traceback, seconds = 0 }
  elseif #suite.tests(state.root) == 0 then
    return report { name = "the file has no tests", path = path, status = "error", message = "there is no `it` in it", seconds = 0 }
  end
  run_block(state, state.root, path, report)
end

--- Run a test file.
---@param path string
---@param report fun(result: molbuild.testing.Result)  is called for each test
function runner.file(path, report)
  coverage.test(path)
  coverage.counted(run_file, path, report)
end

return runner
