--- `molbuild completion`: the text for a shell (completion_text.lua), and, for that text, what may complete a command line. The
--- candidates come from the lists that the program reads its command line with, and from the policy that the line names.
local core = require "molbuild.core"
local busy = require "molbuild.base.busy"
local env = require "molbuild.base.env"
local errors = require "molbuild.base.errors"
local help = require "molbuild.help"
local options = require "molbuild.options"
local script = require "molbuild.script"
local text = require "molbuild.base.text"

local completion = {}

--- The policy whose verbs and settings are offered before the command line names one.
local USUAL = "ensure.lua"

--- A policy may compute for this time, in seconds, while it is loaded.
local LOAD_MAX = 2

local WRITABLE_BY_ALL = 2

local function starts(word, beginning)
  return word:sub(1, #beginning) == beginning
end

---@class molbuild.Candidates
---@field [integer] { [1]: string, [2]: string? }  the whole word, and its meaning
---@field files "files"|"directories"|nil  what the shell completes itself

-- Reading a policy -----------------------------------------------------------------------------------------------------

-- As the shell would expand it.
local function expanded(name)
  local home = name:find "^~/" and env.home()
  return home and home .. name:sub(2) or name
end

-- A policy is run only if no other user can have put it there: completion must not do more than the command would.
local function is_own(path)
  local real = core.fs.realpath(path)
  local stat = real and core.fs.lstat(real)
  if not real then
    return require("molbuild.policy.shipped").owns(path)
  end
  return stat and stat.type == "file" and (stat.uid == core.sys.uid() or stat.uid == 0) and stat.mode & WRITABLE_BY_ALL == 0
end

-- The policy of a name; an empty table when it cannot be loaded.
local function policy_of(name, library)
  local ok, result = pcall(function()
    local path = script.find(expanded(name))
    if not is_own(path) then return {} end
    busy.limit(LOAD_MAX, errors.new { kind = "timeout", message = "the policy takes too long" })
    busy.guard()
    return (script.load(path, library))
  end)
  return ok and result or {}
end

local function field(policy, name)
  local value = rawget(policy, name)
  return type(value) == "table" and value or {}
end

-- The options of a verb, as rows of options.list.
local function verb_options(policy, verb)
  local of = rawget(policy, "arguments")
  local ok, by_verb = pcall(type(of) == "function" and of or function() return {} end)
  local list = ok and type(by_verb) == "table" and by_verb[verb]
  return type(list) == "table" and list or {}
end

-- Candidates -----------------------------------------------------------------------------------------------------------

local function add(list, word, meaning)
  if type(word) == "string" then list[#list + 1] = { word, type(meaning) == "string" and meaning or nil } end
end

local function add_options(list, rows)
  for _, row in ipairs(rows) do add(list, row[2] and row[1] .. "=" or row[1], row[3]) end
end

-- Of a file in a directory of scripts: whether it is a policy, not a part of one. A fork begins with the policy that it changes.
local function is_policy(path)
  local source = script.read(path) or ""
  return source:find "function%s+[%w_.]+%.run%f[^%w_]" or source:find "%f[%w_]run%s*=%s*function"
    or source:find '%f[%w]local%s+[%w_]+%s*=%s*[%w_.]*load%s*%(?%s*["\']'
end

local function add_scripts(list, current, is_wanted)
  if current:find("/", 1, true) then
    list.files = "files"
    return
  end
  local seen, ok, dirs = {}, pcall(script.directories)
  for _, dir in ipairs(ok and dirs or {}) do
    for _, name in ipairs(script.names(dir)) do
      local wanted = name:find "%.lua$" and not seen[name] and starts(name, current) and is_wanted(name, dir .. "/" .. name)
      if wanted then
        seen[name] = true
        add(list, name, dir)
      end
    end
  end
  list.files = #list == 0 and "files" or nil
end

local function only_policies(name, path)
  return not name:find "_test%.lua$" and is_policy(path)
end

local function add_verbs(list, library)
  for verb, meaning in pairs(field(policy_of(USUAL, library), "verbs")) do
    local is_command = false
    for _, row in ipairs(help.commands) do is_command = is_command or row[1] == verb end
    if not is_command then add(list, verb, meaning) end
  end
end

local function add_commands(list)
  for _, row in ipairs(help.commands) do add(list, row[1], row[2]) end
end

local function add_runtimes(list, policy, given)
  for _, name in ipairs(field(policy, "runtimes")) do
    if not given[name] then add(list, name, "runtime") end
  end
end

-- What completes an argument, by its name in help.commands.
local KINDS = {
  script = function(list, at) add_scripts(list, at.current, only_policies) end,
  scripts = function(list, at) add_scripts(list, at.current, only_policies) end,
  names = function(list, at)
    add_scripts(list, at.current, function(name) return name:find "_test%.lua$" end)
    list.files = "files"
  end,
  dir = function(list) list.files = "directories" end,
  runtime = function(list, at) add_runtimes(list, policy_of(at.words[1], at.library), {}) end,
  shell = function(list)
    for _, name in ipairs(require("molbuild.completion_text").shells) do add(list, name) end
  end,
  command = function(list, at)
    add_commands(list)
    add_scripts(list, at.current, only_policies)
  end,
}

-- By what the value of an option is called: what the shell completes.
local FILES = { FILE = "files", PATH = "files", DIR = "directories" }

-- The values of an option. PREFIX is what the word already holds: "--progress=", or nothing.
local function add_values(list, row, prefix)
  local name = row[1]:gsub("^%-+", "")
  for _, value in ipairs(options.choices[name] or {}) do add(list, prefix .. value) end
  list.files = FILES[row[2]]
end

-- The words of a command line ------------------------------------------------------------------------------------------

local function row_of(rows, name)
  for _, row in ipairs(rows) do
    if row[1] == name then return row end
  end
end

-- Split the words before the current one: what options were given, which option still needs its value, and the other words. With
-- IS_PREFIX options end at the first other word.
local function split(words, first, rows, is_prefix)
  local found = { given = {}, words = {}, rest = #words + 1 }
  local at = first
  while at <= #words do
    local word = words[at]
    local row = row_of(rows, word:match "^%-%-[^=]+" or word)
    if row then
      found.given[row[1]] = true
      found.pending = nil
      if row[2] and not word:find("=", 1, true) then
        found.pending, at = at == #words and row or nil, at + 1
      end
    else
      found.words[#found.words + 1], found.given[word] = word, true
      if is_prefix then
        found.rest = at + 1
        break
      end
    end
    at = at + 1
  end
  return found
end

-- Candidates for an option or its value; false when the current word is neither.
local function add_option(list, found, rows, current)
  local name, value = current:match "^(%-%-[^=]+)=(.*)$"
  local row = found.pending or name and row_of(rows, name)
  if row then
    add_values(list, row, value and not found.pending and name .. "=" or "")
  elseif current:sub(1, 1) ~= "-" then
    return false
  else
    for _, each in ipairs(rows) do
      if not found.given[each[1]] then add_options(list, { each }) end
    end
  end
  return true
end

-- What follows the script of a verb.
local function add_policy_words(list, verb, name, words, first, current, library)
  local policy = policy_of(name, library)
  local rows = verb_options(policy, verb)
  local found = split(words, first, rows)
  if add_option(list, found, rows, current) and current ~= "--" and current ~= "-" then return end
  if found.pending then return end
  add_runtimes(list, policy, found.given)
  if #field(policy, "runtimes") > 0 and not found.given["--all"] then add(list, "--all", "all runtimes") end
end

-- The arguments of a command, or of a verb, which takes what run takes.
local function add_arguments(list, words, current, library)
  local row = row_of(help.commands, words[2]) or help.commands[1]
  local has_policy = row == help.commands[1]
  local rows = row.options and row.options() or {}
  local found = split(words, 3, rows, has_policy)
  if has_policy and #found.words > 0 then
    return add_policy_words(list, words[2], found.words[1], words, found.rest, current, library)
  elseif add_option(list, found, rows, current) then
    return
  end
  local argument = row.arguments[math.min(#found.words + 1, math.max(1, #row.arguments))]
  local is_more = argument and #found.words + 1 > #row.arguments and not (argument[3] or ""):find "[*+]"
  local kind = argument and not is_more and KINDS[argument[1]]
  if kind then kind(list, { current = current, words = found.words, library = library }) end
end

-- A variable of the usual policy's settings, before a command; behind "=" its values.
local function add_variables(list, current, library)
  local name = current:match "^([^=]*)="
  for _, row in ipairs(field(policy_of(USUAL, library), "settings")) do
    if row.variable and not name then
      add(list, row.variable .. "=", row[4])
    elseif row.variable and row.variable == name then
      for _, value in ipairs(row.choices or row[3] == "switch" and { "0", "1" } or {}) do add(list, name .. "=" .. value) end
      list.files = row[3] == "directory" and "directories" or nil
    end
  end
end

--- What may complete the last word of a command line. With one word, that is a variable before a command.
---@param words string[]  the program first, the word at the cursor last
---@param library table  the module molbuild
---@return molbuild.Candidates
function completion.candidates(words, library)
  local list, before, current = {}, table.move(words, 1, #words - 1, 1, {}), words[#words]
  if #before == 0 then
    add_variables(list, current, library)
  elseif #before == 1 then
    add_commands(list)
    add_verbs(list, library)
    add(list, "--version", "print the version")
    add(list, "--help", "print a summary")
  else
    add_arguments(list, before, current, library)
  end
  local fitting = { files = list.files }
  for _, candidate in ipairs(list) do
    if starts(candidate[1], current) and not candidate[1]:find "%c" then fitting[#fitting + 1] = candidate end
  end
  return fitting
end

-- For shells ---------------------------------------------------------------------------------------------------------------

--- A word as bash has it on a command line, without its quotes. Nothing in it is expanded or run.
---@param word string
---@return string
function completion.unquoted(word)
  local out, quote, at = {}, nil, 1
  while at <= #word do
    local char, following = word:sub(at, at), word:sub(at + 1, at + 1)
    if char == quote then
      quote = nil
    elseif not quote and (char == "'" or char == '"') then
      quote = char
    elseif char == "\\" and quote ~= "'" and (not quote or following:find '["\\$`]') then
      out[#out + 1], at = following, at + 1
    else
      out[#out + 1] = char
    end
    at = at + 1
  end
  return table.concat(out)
end

-- One candidate each line, as "=WORD<tab>MEANING"; the last line is ":files", ":directories" or ":none".
local function printed(list)
  local lines = {}
  for index, candidate in ipairs(list) do
    local meaning = candidate[2] and "\t" .. candidate[2]:gsub("%c", " ") or ""
    lines[index] = ("=%s%s\n"):format(candidate[1], meaning)
  end
  lines[#lines + 1] = (":%s\n"):format(list.files or "none")
  return table.concat(lines)
end

--- The output of `molbuild completion SHELL`, or, with words behind it, what may complete the last one.
---@param argv string[]
---@param library table  the module molbuild
---@return string
---@raise usage
function completion.run(argv, library)
  local texts, shell = require "molbuild.completion_text", argv[2] or ""
  if not text.is_one_of(shell, texts.shells) then
    errors.raise {
      kind = "usage", message = ("completion is for one of %s%s"):format(table.concat(texts.shells, ", "),
        shell ~= "" and (', not "%s"'):format(text.shown(shell)) or ""), hint = "molbuild completion bash",
    }
  elseif not argv[3] then
    return texts[shell]
  end
  local words = {}
  for index = 3, #argv do
    -- bash has the words as they were typed, fish the last one.
    local is_quoted = shell == "bash" or shell == "fish" and index == #argv
    words[#words + 1] = is_quoted and completion.unquoted(argv[index]) or argv[index]
  end
  return printed(completion.candidates(words, library))
end

return completion
