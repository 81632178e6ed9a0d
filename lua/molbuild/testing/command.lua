--- `molbuild test [OPTION]... [FILE or DIR]...`: runs the tests that stand beside policies.
local core = require "molbuild.core"
local coverage = require "molbuild.testing.coverage"
local errors = require "molbuild.base.errors"
local place = require "molbuild.testing.place"
local report = require "molbuild.testing.report"
local runner = require "molbuild.testing.runner"
local session = require "molbuild.testing.session"
local shipped = require "molbuild.policy.shipped"
local to_number = require("molbuild.base.text").number

local command = {}

local STDOUT = 1
local HELP = "molbuild test --help"

--- Its options: name, whether a value follows, and what it is for.
command.options = {
  { "--coverage", nil, "print which lines, steps and outcomes of the policy no test reaches" },
  { "--min-coverage", "PERCENT", "fail if the tests reach less than PERCENT of the lines" },
  { "--output", "FORMAT", "text, or json: one object per line" },
  { "-v", nil, "print the tests that pass, and where errors come from" },
}

local function usage(format, ...)
  errors.raise { kind = "usage", message = format:format(...), hint = HELP }
end

local function option_named(name)
  for _, option in ipairs(command.options) do
    if option[1] == name then
      return option
    end
  end
  local known = {}
  for _, option in ipairs(command.options) do
    known[option[1]] = true
  end
  usage("unknown option %s%s", name, require("molbuild.base.nearest").hint(name, known))
end

-- The options by name, and what is no option.
local function parse(argv, first)
  local options, names, at = {}, {}, first
  while argv[at] do
    local word = argv[at]
    if word == "--" then
      table.move(argv, at + 1, #argv, #names + 1, names)
      break
    elseif word:sub(1, 1) ~= "-" then
      names[#names + 1] = word
    else
      local name, value = word:match "^(%-%-[^=]+)=(.*)$"
      local option = option_named(name or word)
      if option[2] and not value then
        at = at + 1
        value = argv[at]
      end
      if option[2] and (value or "") == "" then
        usage("option %s needs a value", option[1])
      elseif value and not option[2] then
        usage("option %s takes no value", option[1])
      end
      options[option[1]] = value or true
    end
    at = at + 1
  end
  return options, names
end

--- The options and names of a command line.
---@param argv string[]
---@param first integer  where they begin
---@return { json: boolean, verbose: boolean, coverage: boolean, least: number? }
---@return string[] names
---@raise usage
function command.parse(argv, first)
  local options, names = parse(argv, first)
  local format, least = options["--output"] or "text", options["--min-coverage"]
  if format ~= "text" and format ~= "json" then
    usage('option --output cannot be "%s": it is one of text, json', format)
  end
  local number = least and to_number(least)
  if least and not (number and number <= 100) then
    usage('option --min-coverage needs a percentage, such as 80, not "%s"', least)
  end
  return {
    json = format == "json", verbose = options["-v"] or false, coverage = options["--coverage"] or number ~= nil, least = number,
  }, names
end

-- The tests below a directory. Hidden directories are not looked into, and no link is followed.
local function below(dir, list)
  local names, message = core.fs.list(dir)
  if not names then
    errors.raise { kind = "failed", message = message }
  end
  for _, name in ipairs(names) do
    local path = (dir == "." and "" or dir:gsub("/+$", "") .. "/") .. name
    local stat = core.fs.lstat(path)
    if stat and stat.type == "directory" and name:sub(1, 1) ~= "." then
      below(path, list)
    elseif name:find "_test%.lua$" and core.fs.type(path) == "file" then
      list[#list + 1] = path
    end
  end
  return list
end

local function failure(name, message)
  return { name = name, path = name, status = "error", message = message, seconds = 0 }
end

--- The test files that a name stands for: a test, a policy with a test beside it, or a directory.
---@param name string
---@return string[] paths
---@return molbuild.testing.Result? problem
function command.files(name)
  local kind, message = core.fs.type(name)
  if kind == "directory" then
    local list = below(name, {})
    return list, #list == 0 and failure(name, "there is no *_test.lua in it") or nil
  elseif not kind then
    return {}, failure(name, message)
  elseif kind == "file" and not name:find "_test%.lua$" and not name:find "_spec%.lua$" then
    local test = name:gsub("%.lua$", "") .. "_test.lua"
    if core.fs.type(test) ~= "file" then
      return {}, failure(name, ("there is no test beside it: %s"):format(test))
    end
    return { test }
  end
  return { name }
end

local function write(text)
  local ok, message, code = core.sys.write(STDOUT, text)
  if not ok then
    errors.raise { kind = "failed", message = "cannot write the result: " .. message, code = code }
  end
end

local function run_all(names, out)
  local seen = {}
  local function tell(result) out:result(result) end
  for _, name in ipairs(names) do
    local paths, problem = command.files(name)
    if problem then
      tell(problem)
    end
    for _, path in ipairs(paths) do
      if not seen[path] then
        seen[path] = true
        out.counts.files = out.counts.files + 1
        runner.file(path, tell)
      end
    end
  end
end

-- Reports what the tests reach. Gives whether that is enough.
local function measure(options, out)
  local result = coverage.result()
  coverage.stop()
  result.least = options.least
  out:coverage(result)
  return result.percent >= (options.least or 0)
end

--- The command.
---@param argv string[]  "test" and what follows it
---@param program { version: string, scripts: string?, compiled: function?, policy: function? }?
---@return integer status
---@raise usage
function command.main(argv, program)
  local options, names = command.parse(argv, 2)
  local started = core.sys.monotonic()
  local out = report.new { json = options.json, verbose = options.verbose, write = write }
  if program then
    session.program, place.installed = program, program.scripts or shipped.DIRECTORY
  end
  if options.coverage then
    coverage.start()
  end
  run_all(#names > 0 and names or { "." }, out)
  local enough = not options.coverage or measure(options, out)
  out:summary(core.sys.monotonic() - started)
  return enough and out.counts.failed + out.counts.errors == 0 and 0 or 1
end

return command
