--- The command line: the entry point of the program.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local script = require "molbuild.script"
local text = require "molbuild.base.text"

local cli = {}

local STDOUT, STDERR = 1, 2

--- The options of `molbuild run`: name, metavariable if it takes a value, and description. Parsing, help and the man page
--- share this list.
cli.options = {
  { "--progress", "MODE", "how to show the run: auto, tty, plain, json, quiet" },
  { "--color", "WHEN", "colours: auto, always, never" },
  { "--output", "FORMAT", "the results on stdout: text, json" },
  { "--trace", "FILE", "write the run as Chrome trace events" },
  { "--timeout", "SECONDS", "stop the whole run after SECONDS; 0: no limit" },
  { "--lock-timeout", "SECONDS", "wait at most SECONDS for a lock; 0: do not wait" },
  { "--no-wait", nil, "do not wait for a lock" },
  { "--jobs", "N", "build at most N images side by side" },
  { "-q", nil, "show failures only (--progress=quiet)" },
  { "-v", nil, "show every output line" },
}

--- The commands, as help and mistakes list them.
cli.commands = { "run", "test", "eject", "settings", "version", "help" }

local CHOICES = {
  progress = { "auto", "tty", "plain", "json", "quiet" },
  color = { "auto", "always", "never" },
  output = { "text", "json" },
}

local function usage(message, hint)
  errors.raise { kind = "usage", message = message, hint = hint or "molbuild --help" }
end

local function run_usage(format, ...)
  usage(format:format(...), "molbuild run --help")
end

local function write(fd, data)
  local ok, message, code = core.sys.write(fd, data)
  if not ok then
    errors.raise { kind = "failed", message = "cannot write the result: " .. message, code = code }
  end
end

local function add_options(to, options)
  for _, option in ipairs(options) do
    local name, value, meaning = table.unpack(option, 1, 3)
    if value then
      to:option(name, meaning):argname(value)
    else
      to:flag(name, meaning)
    end
  end
end

-- argparse is loaded only for help and for mistakes: a run parses its few options itself, from the same list.
local function parser()
  local argparse = require "argparse"
  local top = argparse("molbuild", "Makes sure that container images exist, by a policy script.")
  top:command_target "command"
  top:require_command(false)
  top:flag("--version", "Print the version.")
  local run = top:command("run", "Run a policy. What follows its name belongs to the policy.")
  add_options(run, cli.options)
  run:argument("script", "A policy: a path, or a name to look up.")
  run:argument("args", "The policy's own arguments."):args "*"
  local test = top:command("test", "Run the tests of policies.")
  add_options(test, require("molbuild.testing.command").options)
  test:argument("names", "Tests (*_test.lua), policies with a test beside them, directories; the current one when absent."):args "*"
  local eject = top:command("eject", "Write a copy of a policy, for editing.")
  eject:flag("--test", "Write a test of it, too.")
  eject:argument("script", "An installed policy, such as ensure.lua.")
  eject:argument("dir", "The target directory; the current one when absent."):args "?"
  local shown = top:command("settings", "Print the settings of a policy: each value, and where it comes from.")
  shown:option("--output", "text, or json: one object per line"):argname "FORMAT"
  shown:argument("script", "A policy: a path, or a name to look up.")
  shown:argument("runtime", "With the values of this runtime."):args "?"
  local version = top:command("version", "Print the version.")
  top:command("help", "Print this, or the help of a command."):argument("command"):args "?"
  return top, { run = run, test = test, eject = eject, settings = shown, version = version }
end

local function find_option(name)
  for _, option in ipairs(cli.options) do
    if option[1] == name then
      return option
    end
  end
end

--- The hint for a first argument that is no command: an option before it, or a script without one.
local function unknown_command(first)
  local name = first:match "^[^=]*"
  if find_option(name) then
    usage(("option %s must follow the command"):format(name), ("molbuild run %s ... SCRIPT"):format(name))
  elseif first:sub(1, 1) == "-" then
    usage(("unknown option %s"):format(name))
  elseif first:find "%.lua$" then
    usage(("unknown command %s"):format(first), ("molbuild run %s"):format(first))
  end
  usage(("unknown command %s: use one of %s"):format(first, table.concat(cli.commands, ", ")))
end

local function print_help(name)
  if name and not text.is_one_of(name, cli.commands) then
    unknown_command(name)
  end
  local top, commands = parser()
  local about = commands[name] or top
  write(STDOUT, about:get_help() .. "\n")
  return 0
end

--- Split the arguments of `run`: options, script, and the script's own arguments.
---@param argv string[]
---@param first integer
---@return table<string, string|true> options
---@return string script
---@return string[] args
---@raise usage
function cli.parse_run(argv, first)
  local options, at = {}, first
  while argv[at] and argv[at]:sub(1, 1) == "-" and argv[at] ~= "-" do
    if argv[at] == "--" then
      at = at + 1
      break
    end
    local name, value = argv[at]:match "^(%-%-[^=]+)=(.*)$"
    name = name or argv[at]
    local option = find_option(name) or run_usage("unknown option %s", name)
    if option[2] and not value then
      at = at + 1
      value = argv[at]
    elseif value and not option[2] then
      run_usage("option %s takes no value", name)
    end
    if option[2] and (value or "") == "" then
      run_usage("option %s needs a value", name)
    end
    options[name:gsub("^%-+", ""):gsub("%-", "_")] = value or true
    at = at + 1
  end
  if (argv[at] or "") == "" then
    run_usage "no script named"
  end
  return options, argv[at], table.move(argv, at + 1, #argv, 1, {})
end

local function number(options, name, whole)
  local given = options[name]
  if not given then
    return nil
  end
  local value = text.number(given)
  if not value or whole and (value < 1 or value ~= math.floor(value)) then
    local what = whole and "a whole number of at least 1" or "a number of seconds, such as 90 or 0.5"
    run_usage('option --%s needs %s, not "%s"', name:gsub("_", "-"), what, given)
  end
  return value
end

local function check_options(options)
  for name, choices in pairs(CHOICES) do
    if options[name] and not text.is_one_of(options[name], choices) then
      run_usage('option --%s cannot be "%s": use one of %s', name, options[name], table.concat(choices, ", "))
    end
  end
  if options.no_wait then
    options.lock_timeout = "0"
  end
  local timeout = number(options, "timeout")
  return {
    mode = options.q and "quiet" or options.progress,
    verbose = options.v == true,
    color = options.color,
    json = options.output == "json",
    trace = options.trace,
    timeout = timeout ~= 0 and timeout or nil,
    lock_timeout = number(options, "lock_timeout"),
    jobs = number(options, "jobs", true) or math.max(2, core.sys.cpus()),
  }
end

-- Whether an invalid command line requests objects with this option.
local function wants_json(argv, option)
  local line = "\0" .. table.concat(argv, "\0") .. "\0"
  return line:find(("\0%s=json\0"):format(option), 1, true) or line:find(("\0%s\0json\0"):format(option), 1, true)
end

-- A caller that reads objects gets one for an invalid option, too.
local function settings_of(argv)
  local ok, settings, name, args = xpcall(function()
    local options, name, args = cli.parse_run(argv, 2)
    return check_options(options), name, args
  end, errors.handler)
  if ok then
    return settings, name, args
  end
  local json = wants_json(argv, "--output")
  if wants_json(argv, "--progress") then
    return { mode = "json", json = json, failure = settings }
  elseif json then
    local results = require("molbuild.results").new()
    results.failed = errors.fields(settings)
    core.writer.put(STDOUT, results:failures())
    core.writer.flush(STDOUT, 2)
  end
  error(settings, 0)
end

--- molbuild run
local function run(argv, program)
  require("molbuild.forge.network").mask_proxies()
  local settings, name, args = settings_of(argv)
  return require("molbuild.run").main(settings, name, args, program)
end

--- molbuild test
local function test(argv, program)
  return require("molbuild.testing.command").main(argv, {
    version = program.version, scripts = script.installed, compiled = script.compiled,
  })
end

local function eject_usage(message)
  errors.raise { kind = "usage", message = message, hint = "molbuild eject [--test] SCRIPT [DIR]" }
end

local function eject_arguments(argv)
  local words, with_test = {}, false
  for index = 2, #argv do
    if argv[index] == "--test" then
      with_test = true
    elseif argv[index]:sub(1, 1) == "-" then
      eject_usage("unknown option " .. argv[index])
    else
      words[#words + 1] = argv[index]
    end
  end
  if (words[1] or "") == "" or #words > 2 then
    eject_usage((words[1] or "") == "" and "no script named" or ("unexpected argument %s"):format(words[3]))
  end
  return words[1], words[2] or ".", with_test
end

-- The text of a policy's test, and the name of its file.
local function test_of(path, program)
  local policy = script.load(path, program.library)
  local runtimes = rawget(policy, "runtimes")
  if type(runtimes) ~= "table" or type(runtimes[1]) ~= "string" then
    errors.raise { kind = "usage", message = ("--test: %s has no runtimes, so that there is nothing to test"):format(path) }
  end
  return require("molbuild.testing.skeleton").text(path:match "[^/]+$", runtimes[1])
end

--- molbuild eject
local function eject(argv, program)
  local name, dir, with_test = eject_arguments(argv)
  local path = script.find(name)
  local files = { { path:match "[^/]+$", errors.must(core.fs.read(path)) } }
  if with_test then
    local source, test_name = test_of(path, program)
    files[2] = { test_name, source }
  end
  for _, file in ipairs(files) do
    file[1] = dir .. "/" .. file[1]
    if core.fs.lstat(file[1]) then
      errors.raise { kind = "failed", message = ("%s already exists and is not overwritten"):format(file[1]) }
    end
  end
  for _, file in ipairs(files) do
    errors.must(core.fs.write_atomic(file[1], file[2], 420))
    write(STDOUT, file[1] .. "\n")
  end
  return 0
end

--- molbuild settings
local function show_settings(argv, program)
  local options, name, args = cli.parse_run(argv, 2)
  local json = check_options(options).json
  if #args > 1 then
    usage(("unexpected argument %s"):format(args[2]), "molbuild settings [--output=json] SCRIPT [RUNTIME]")
  end
  local policy, path = script.load(name, program.library)
  write(STDOUT, require("molbuild.settings_show").policy(policy, path, args[1], json))
  return 0
end

local RUNNERS = { run = run, test = test, eject = eject, settings = show_settings }

local function command(argv, program)
  local first, second = argv[1], argv[2]
  if RUNNERS[first] and second ~= "--help" and second ~= "-h" then
    return RUNNERS[first](argv, program)
  elseif RUNNERS[first] then
    return print_help(first)
  end
  local is_help = first == "help" or first == "--help" or first == "-h"
  local is_version = first == "version" or first == "--version"
  if #argv > (is_help and 2 or 1) and (is_help or is_version) then
    usage(("unexpected argument %s"):format(argv[#argv]))
  elseif is_help then
    return print_help(second)
  elseif is_version then
    write(STDOUT, "molbuild " .. program.version .. "\n")
    return 0
  elseif (first or "") == "" then
    usage(("no command given: use one of %s"):format(table.concat(cli.commands, ", ")))
  end
  unknown_command(first)
end

--- The installed scripts: next to the program in a checkout, else below the prefix.
local function installed_scripts(prefix)
  local executable = core.sys.executable()
  local dir = executable and executable:match "^(.*)/[^/]+$"
  for _, candidate in ipairs { dir and dir .. "/../scripts", dir and dir .. "/../share/molbuild/scripts" } do
    local path = core.fs.realpath(candidate)
    if path and core.fs.lstat(path .. "/ensure.lua") then
      return path
    end
  end
  return prefix .. "/share/molbuild/scripts"
end

--- The program's main function.
---@param argv string[]
---@param program { version: string, prefix: string, library: table, compiled: (fun(text: string): string?)? }
---@return integer status
function cli.main(argv, program)
  script.installed, script.compiled = installed_scripts(program.prefix), program.compiled or script.compiled
  local ok, result = xpcall(command, errors.handler, argv, program)
  if ok then
    return result
  end
  local shown = errors.format(result) .. "\n"
  -- Without descriptors or memory there is no event loop. That error is written without it.
  if not pcall(core.writer.put, STDERR, shown) then
    core.sys.write(STDERR, shown)
    return errors.exit_code(result)
  end
  core.writer.flush(STDERR, 2)
  return errors.exit_code(result)
end

return cli
