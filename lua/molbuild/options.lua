--- The options of `molbuild run`, and what a command line says by them.
local core = require "molbuild.core"
local errors = require "molbuild.base.errors"
local text = require "molbuild.base.text"

local options = {}

--- The options of `molbuild run`: name, metavariable if it takes a value, and description. Parsing, help and the man page
--- share this list.
options.list = {
  { "--progress", "MODE", "how to show the run: auto, tty, plain, json, quiet" },
  { "--color", "WHEN", "colours: auto, always, never" },
  { "--output", "FORMAT", "the results on stdout: text, json" },
  { "--trace", "FILE", "write the run as Chrome trace events" },
  { "--timeout", "SECONDS", "stop the whole run after SECONDS; 0: no limit" },
  { "--lock-timeout", "SECONDS", "wait at most SECONDS for a lock; 0: do not wait" },
  { "--no-wait", nil, "do not wait for a lock" },
  { "--jobs", "N", "build at most N images side by side" },
  { "--detach", nil, "continue when this process ends: another one does the run" },
  { "-q", nil, "show failures only (--progress=quiet)" },
  { "-v", nil, "show every output line" },
}

--- The values of options that have a choice.
---@type table<string, string[]>
options.choices = {
  progress = { "auto", "tty", "plain", "json", "quiet" },
  color = { "auto", "always", "never" },
  output = { "text", "json" },
}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...), hint = "molbuild run --help" }
end

--- The option of a name.
---@param name string  "--jobs"
---@return table?
function options.find(name)
  for _, option in ipairs(options.list) do
    if option[1] == name then
      return option
    end
  end
end

--- Split the arguments of `run`: options, script, and the script's own arguments.
---@param argv string[]
---@param first integer
---@return table<string, string|true> given  by name, without dashes
---@return string script
---@return string[] args
---@raise usage
function options.parse(argv, first)
  local given, at = {}, first
  while argv[at] and argv[at]:sub(1, 1) == "-" and argv[at] ~= "-" do
    if argv[at] == "--" then
      at = at + 1
      break
    end
    local name, value = argv[at]:match "^(%-%-[^=]+)=(.*)$"
    name = name or argv[at]
    local option = options.find(name) or refuse("unknown option %s", name)
    if option[2] and not value then
      at = at + 1
      value = argv[at]
    elseif value and not option[2] then
      refuse("option %s takes no value", name)
    end
    if option[2] and (value or "") == "" then
      refuse("option %s needs a value", name)
    end
    given[name:gsub("^%-+", ""):gsub("%-", "_")] = value or true
    at = at + 1
  end
  if (argv[at] or "") == "" then
    errors.raise { kind = "usage", message = "no script named", hint = ("molbuild %s --help"):format(argv[1]) }
  end
  return given, argv[at], table.move(argv, at + 1, #argv, 1, {})
end

local function number(given, name, whole)
  local word = given[name]
  if not word then
    return nil
  end
  local value = text.number(word)
  if not value or whole and (value < 1 or value ~= math.floor(value)) then
    local what = whole and "a whole number of at least 1" or "a number of seconds, such as 90 or 0.5"
    refuse('option --%s needs %s, not "%s"', name:gsub("_", "-"), what, word)
  end
  return value
end

--- What the options ask for, as run.main takes it.
---@param given table<string, string|true>  as of options.parse
---@return table settings
---@raise usage
function options.settings(given)
  for name, choices in pairs(options.choices) do
    if given[name] and not text.is_one_of(given[name], choices) then
      refuse('option --%s cannot be "%s": use one of %s', name, given[name], table.concat(choices, ", "))
    end
  end
  if given.no_wait then
    given.lock_timeout = "0"
  end
  local timeout = number(given, "timeout")
  return {
    mode = given.q and "quiet" or given.progress,
    verbose = given.v == true,
    color = given.color,
    json = given.output == "json",
    detach = given.detach == true,
    trace = given.trace,
    timeout = timeout ~= 0 and timeout or nil,
    lock_timeout = number(given, "lock_timeout"),
    jobs = number(given, "jobs", true) or math.max(2, core.sys.cpus()),
  }
end

return options
