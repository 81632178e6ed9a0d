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

--- The commands in their order: name, meaning, and what adds the options and arguments.
local COMMANDS = {
  { "run", "Run a policy. What follows its name belongs to the policy.", function(to)
    add_options(to, options.list)
    to:argument("script", "A policy: a path, or a name to look up.")
    to:argument("args", "The policy's own arguments."):args "*"
  end },
  { "check", "Look for mistakes in policies, without running them.", function(to)
    to:option("--output", "text, or json: one object per finding"):argname "FORMAT"
    to:argument("scripts", "Policies: paths, or names to look up."):args "+"
  end },
  { "test", "Run the tests of policies.", function(to)
    add_options(to, require("molbuild.testing.command").options)
    to:argument("names", "Tests (*_test.lua), policies with a test beside them, directories; the current one when absent."):args "*"
  end },
  { "eject", "Write a copy of a policy, for editing, and a .luarc.json with its types.", function(to)
    to:flag("--test", "Write a test of it, too.")
    to:argument("script", "An installed policy, such as ensure.lua.")
    to:argument("dir", "The target directory; the current one when absent."):args "?"
  end },
  { "settings", "Print the settings of a policy: each value, and where it comes from.", function(to)
    to:option("--output", "text, or json: one object per line"):argname "FORMAT"
    to:argument("script", "A policy: a path, or a name to look up.")
    to:argument("runtime", "With the values of this runtime."):args "?"
  end },
  { "eval", "Run a chunk of Lua as a policy would run it, and print what it returns.", function(to)
    to:argument("chunk", "Lua, such as 'return 1 + 1'; - reads it from stdin.")
  end },
  { "version", "Print the version.", function() end },
  { "help", "Print this, the help of a command, or the verbs of a policy.", function(to)
    to:argument("command", "A command, or a policy."):args "?"
  end },
}

--- The help of the program, or of one command.
---@param name string?
---@return string
function help.text(name)
  local top = argparse("molbuild", "Makes sure that container images exist, by a policy script.")
  local shown = top
  top:command_target "command"
  top:require_command(false)
  top:flag("--version", "Print the version.")
  for _, row in ipairs(COMMANDS) do
    local command = top:command(row[1], row[2])
    row[3](command)
    if row[1] == name then shown = command end
  end
  return shown:get_help() .. "\n"
end

return help
