--- The arguments of a verb: what follows the script on the command line.
local errors = require "molbuild.base.errors"

local arguments = {}

local function refuse(format, ...)
  errors.raise { kind = "usage", message = format:format(...) }
end

---@class molbuild.Argument
---@field [1] string  the option, with its dashes
---@field [2] string?  what its value is called; nil: it takes none
---@field [3] string  its meaning, in one line

local function refuse_unknown(name, known)
  errors.raise {
    kind = "usage",
    message = ("unknown option %s%s"):format(name, require("molbuild.base.nearest").hint(name, known)),
    hint = "molbuild's own options go before the script: molbuild VERB [options] SCRIPT [arguments]",
  }
end

-- The value of the option at AT, and the place of the argument that was read last.
local function value_of(args, at, name, known)
  local value = args[at]:match "=(.*)$"
  if not known[name][2] then
    return value == nil or refuse("option %s takes no value", name), at
  elseif not value then
    value, at = args[at + 1] or "", at + 1
  end
  return value ~= "" and value or refuse("option %s needs a value", name), at
end

--- Split a verb's arguments into options and words. `--keep=2` and `--keep 2` are the same; behind `--` there are words alone.
---@param args string[]
---@param rows molbuild.Argument[]  the options that the verb has; each may be given once
---@param word string?  an argument that stays among the words although it begins with dashes
---@return table<string, string|true> given  by name, without dashes, and with "_" for each other dash: `no_cache`
---@return string[] words
---@raise usage
function arguments.parse(args, rows, word)
  local known, given, words, at = {}, {}, {}, 1
  for _, row in ipairs(rows) do known[row[1]] = row end
  while args[at] do
    local name = args[at]:match "^%-%-[^=]+" or args[at]:match "^%-."
    if args[at] == "--" then
      table.move(args, at + 1, #args, #words + 1, words)
      break
    elseif not name or args[at] == word then
      words[#words + 1] = args[at]
    elseif not known[name] then
      refuse_unknown(name, known)
    else
      local field = name:sub(3):gsub("%-", "_")
      if given[field] then refuse("option %s is given twice", name) end
      given[field], at = value_of(args, at, name, known)
    end
    at = at + 1
  end
  return given, words
end

return arguments
