--- What the commands take, in one table: for --help, whose text argparse makes, and for completion. Command lines are read without
--- argparse, from the same lists of options.
local options = require "molbuild.options"

local help = {}

local SCRIPT = { "script", "A policy: a path, or a name to look up." }

---@class molbuild.Command
---@field [1] string  its name
---@field [2] string  what it does
---@field options (fun(): table[])?  as options.list
---@field arguments { [1]: string, [2]: string, [3]: string? }[]  name, meaning, and how many: "?", "+" or "*"; one when absent

--- The commands, in their order.
---@type molbuild.Command[]
help.commands = {
  { "run", "Run a policy. What follows its name belongs to the policy.", options = function() return options.list end,
    arguments = { SCRIPT, { "args", "The policy's own arguments.", "*" } } },
  { "check", "Look for mistakes in policies, without running them.",
    options = function() return { { "--output", "FORMAT", "text, or json: one object per finding" } } end,
    arguments = { { "scripts", "Policies: paths, or names to look up.", "+" } } },
  { "test", "Run the tests of policies.", options = function() return require("molbuild.testing.command").options end,
    arguments = {
      { "names", "Tests (*_test.lua), policies with a test beside them, directories; the current one when absent.", "*" },
    } },
  { "eject", "Write a copy of a policy, for editing, and a .luarc.json with its types.",
    options = function() return { { "--test", nil, "Write a test of it, too." } } end,
    arguments = {
      { "script", "An installed policy, such as ensure.lua." },
      { "dir", "The target directory; the current one when absent.", "?" },
    } },
  { "settings", "Print the settings of a policy: each value, and where it comes from.",
    options = function() return { { "--output", "FORMAT", "text, or json: one object per line" } } end,
    arguments = { SCRIPT, { "runtime", "With the values of this runtime.", "?" } } },
  { "eval", "Run a chunk of Lua as a policy would run it, and print what it returns.",
    arguments = { { "chunk", "Lua, such as 'return 1 + 1'; - reads it from stdin." } } },
  { "completion", "Print the completion for a shell.", arguments = {
    { "shell", "bash, zsh or fish." },
    { "words", "For the printed text: a command line, whose last word is completed.", "*" },
  } },
  { "version", "Print the version.", arguments = {} },
  { "help", "Print this, the help of a command, or the verbs of a policy.",
    arguments = { { "command", "A command, or a policy.", "?" } } },
}

local function describe(to, row)
  for _, option in ipairs(row.options and row.options() or {}) do
    local name, value, meaning = table.unpack(option, 1, 3)
    if value then
      to:option(name, meaning):argname(value)
    else
      to:flag(name, meaning)
    end
  end
  for _, argument in ipairs(row.arguments) do
    to:argument(argument[1], argument[2]):args(argument[3] or 1)
  end
end

--- The help of the program, or of one command.
---@param name string?
---@return string
function help.text(name)
  local argparse = require "argparse"
  local top = argparse("molbuild", "Makes sure that container images exist, by a policy script.")
  local shown = top
  top:command_target "command"
  top:require_command(false)
  top:flag("--version", "Print the version.")
  for _, row in ipairs(help.commands) do
    local command = top:command(row[1], row[2])
    describe(command, row)
    if row[1] == name then shown = command end
  end
  return shown:get_help() .. "\n"
end

return help
