--- The text of --help, by argparse, which is loaded for nothing else: a command line is read from the same list without it.
local argparse = require "argparse"
local options = require "molbuild.options"

local help = {}

local function add_options(to, list)
  for _, option in ipairs(list) do
    local name, value, meaning = table.unpack(option, 1, 3)
    if value then
      to:option(name, meaning):argname(value)
    else
      to:flag(name, meaning)
    end
  end
end

local function parser()
  local top = argparse("molbuild", "Makes sure that container images exist, by a policy script.")
  top:command_target "command"
  top:require_command(false)
  top:flag("--version", "Print the version.")
  local run = top:command("run", "Run a policy. What follows its name belongs to the policy.")
  add_options(run, options.list)
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

--- The help of the program, or of one command.
---@param name string?
---@return string
function help.text(name)
  local top, commands = parser()
  return (commands[name] or top):get_help() .. "\n"
end

return help
