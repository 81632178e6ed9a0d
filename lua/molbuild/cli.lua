--- The command line: the entry point of the program.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local options = require "molbuild.options"
local script = require "molbuild.script"
local shipped = require "molbuild.policy.shipped"
local text = require "molbuild.base.text"

local cli = {}

local STDOUT, STDERR = 1, 2

--- The names of the commands, as mistakes list them.
cli.commands = {}

local function usage(message, hint)
  errors.raise { kind = "usage", message = message, hint = hint or "molbuild --help" }
end

local function write(fd, data)
  local ok, message, code = core.sys.write(fd, data)
  if not ok then
    errors.raise { kind = "failed", message = "cannot write the result: " .. message, code = code }
  end
end

--- The hint for a first argument that is no command: an option before it, or a script without one.
local function unknown_command(first)
  local name = first:match "^[^=]*"
  if options.find(name) then
    usage(("option %s must follow the command"):format(name), ("molbuild run %s ... SCRIPT"):format(name))
  elseif first:sub(1, 1) == "-" then
    usage(("unknown option %s"):format(name))
  elseif first:find "%.lua$" then
    usage(("unknown command %s"):format(first), ("molbuild run %s"):format(first))
  end
  local near = require("molbuild.base.nearest").of(first, require("molbuild.base.maps").set(cli.commands))
  local all = table.concat(cli.commands, ", ")
  usage(("unknown command %s: use one of %s, or a verb of a policy, and the policy"):format(first, all),
    near and ('did you mean "%s"?'):format(near))
end

-- The verbs of a policy, as its table lists them.
local function verbs_of(policy)
  return rawget(policy, "verbs") or { run = "run the policy" }
end

-- The options of a verb, one line each.
local function option_lines(verb, list)
  local lines, width = {}, 0
  for index, row in ipairs(list) do
    lines[index] = row[1] .. (row[2] and "=" .. row[2] or "")
    width = math.max(width, #lines[index])
  end
  for index, row in ipairs(list) do
    lines[index] = ("  %s%s  %s\n"):format(lines[index], (" "):rep(width - #lines[index]), row[3])
  end
  return #lines > 0 and ("\nOptions of %s, behind the script:\n%s"):format(verb, table.concat(lines)) or ""
end

local function print_verbs(name, program)
  local policy, path = script.load(name, program.library)
  local lines, width, verbs = {}, 0, {}
  for verb in pairs(verbs_of(policy)) do
    verbs[#verbs + 1], width = verb, math.max(width, #verb)
  end
  table.sort(verbs)
  for index, verb in ipairs(verbs) do
    lines[index] = ("  molbuild %s %s%s  %s\n"):format(verb, name, (" "):rep(width - #verb), verbs_of(policy)[verb])
  end
  local options_of = rawget(policy, "arguments")
  for _, verb in ipairs(options_of and verbs or {}) do lines[#lines + 1] = option_lines(verb, options_of()[verb] or {}) end
  write(STDOUT, ("The verbs of %s:\n%s"):format(path, table.concat(lines)))
  return 0
end

-- Help about a command, or about a script: the name of a command means the command.
local function print_help(name, program)
  if name and not text.is_one_of(name, cli.commands) then
    local found = pcall(script.find, name)
    if found then return print_verbs(name, program) end
    unknown_command(name)
  end
  write(STDOUT, require("molbuild.help").text(name))
  return 0
end

-- Whether an invalid command line requests objects with this option.
local function wants_json(argv, option)
  local line = "\0" .. table.concat(argv, "\0") .. "\0"
  return line:find(("\0%s=json\0"):format(option), 1, true) or line:find(("\0%s\0json\0"):format(option), 1, true)
end

-- A caller that reads objects gets one for an invalid option, too.
local function settings_of(argv)
  local ok, settings, name, args = xpcall(function()
    local given, name, args = options.parse(argv, 2)
    return options.settings(given), name, args
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

--- molbuild run, and every other verb of a policy
local function run(argv, program)
  require("molbuild.forge.network").mask_proxies()
  local settings, name, args = settings_of(argv)
  settings.verb = argv[1]
  return require("molbuild.run").main(settings, name, args, program)
end

--- molbuild check
local function check(argv, program)
  local given, name, more = options.parse(argv, 2)
  table.insert(more, 1, name)
  return require("molbuild.check").main(more, options.settings(given).json, program.library)
end

--- molbuild test
local function test(argv, program)
  return require("molbuild.testing.command").main(argv, {
    version = program.version, scripts = script.installed, compiled = program.compiled, policy = program.policy,
  })
end

--- molbuild eject
local function eject(argv, program)
  write(STDOUT, require("molbuild.eject").run(argv, program))
  return 0
end

--- molbuild settings
local function show_settings(argv, program)
  local given, name, args = options.parse(argv, 2)
  local json = options.settings(given).json
  if #args > 1 then
    usage(("unexpected argument %s"):format(args[2]), "molbuild settings [--output=json] SCRIPT [RUNTIME]")
  end
  local policy, path = script.load(name, program.library)
  write(STDOUT, require("molbuild.settings_show").policy(policy, path, args[1], json))
  return 0
end

--- molbuild completion
local function completion(argv, program)
  write(STDOUT, require("molbuild.completion").run(argv, program.library))
  return 0
end

--- molbuild version
local function print_version(argv, program)
  if argv[2] then
    usage(("unexpected argument %s"):format(argv[2]))
  end
  write(STDOUT, "molbuild " .. program.version .. "\n")
  return 0
end

--- molbuild help
local function help(argv, program)
  if argv[3] then
    usage(("unexpected argument %s"):format(argv[3]))
  end
  return print_help(argv[2], program)
end

--- molbuild eval
local function eval(argv, program)
  if not argv[2] or argv[3] then
    usage("eval takes one argument: Lua, or - to read it from stdin", "molbuild eval 'return 1 + 1'")
  end
  return require("molbuild.eval").main(argv[2], program.library)
end

--- Each command with its function. molbuild.help has its help.
local COMMANDS = {
  { "run", run }, { "check", check }, { "test", test }, { "eject", eject }, { "settings", show_settings }, { "eval", eval },
  { "completion", completion }, { "version", print_version }, { "help", help },
}
local ALSO = { ["--version"] = "version", ["--help"] = "help", ["-h"] = "help" }

local RUNNERS = {}
for index, row in ipairs(COMMANDS) do
  cli.commands[index], RUNNERS[row[1]] = row[1], row[2]
end

local function command(argv, program)
  local first, second = argv[1] or "", argv[2]
  local name = ALSO[first] or first
  if name == "" then
    usage(("no command given: use one of %s"):format(table.concat(cli.commands, ", ")))
  elseif not RUNNERS[name] then
    if not second or not first:find "^%l[%l%d_]*$" then unknown_command(first) end
    return run(argv, program) -- a verb of the policy that is named behind it
  elseif second == "--help" or second == "-h" then
    return print_help(name)
  end
  return RUNNERS[name](argv, program)
end

--- The installed scripts: next to the program in a checkout, else below the prefix that it is in. nil: there are none, and the
--- policies in the program are used. Those of another directory could be of another version. A program without a prefix is one
--- file.
local function installed_scripts(prefix)
  if prefix == "" then
    return nil
  end
  local share = "/share/molbuild/scripts"
  local dir = (core.sys.executable() or ""):match "^(.*)/[^/]+$"
  for _, candidate in ipairs(dir and { dir .. "/../scripts", dir .. "/.." .. share } or { prefix .. share }) do
    local path = core.fs.realpath(candidate)
    if path and core.fs.lstat(path .. "/ensure.lua") then
      return path
    end
  end
end

--- The program's main function.
---@param argv string[]
---@param program molbuild.Program
---@return integer status
function cli.main(argv, program)
  shipped.set(program)
  script.installed = installed_scripts(program.prefix)
  local ok, result = xpcall(command, errors.handler, argv, program)
  if ok then
    return result
  end
  local shown = errors.format(result) .. "\n"
  -- Without descriptors or memory there is no event loop. That error is written without it.
  if not pcall(core.writer.put, STDERR, shown) then
    if not core.sys.write(STDERR, shown) then
      core.sys.write(STDERR, "molbuild: out of memory\n") -- the error holds a secret, which takes memory to mask
    end
    return errors.exit_code(result)
  end
  core.writer.flush(STDERR, 2)
  return errors.exit_code(result)
end

return cli
