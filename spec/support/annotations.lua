--- The annotations of a Lua file: its functions with what they take, give and raise, and its classes with their fields.
local annotations = {}

local BRACKETS = { ["("] = 1, ["{"] = 1, ["["] = 1, ["<"] = 1, [")"] = -1, ["}"] = -1, ["]"] = -1, [">"] = -1 }

--- Split a text behind the type that it begins with. A space ends a type, except within brackets and behind ":", "," and "|".
---@param text string
---@return string type
---@return string rest
function annotations.split_type(text)
  local depth = 0
  for at = 1, #text do
    local char = text:sub(at, at)
    depth = depth + (BRACKETS[char] or 0)
    if char == " " and depth == 0 and not text:sub(1, at - 1):find "[:,|]$" then
      return text:sub(1, at - 1), text:sub(at + 1)
    end
  end
  return text, ""
end

local split_type = annotations.split_type

--- The parts of a text between the commas that are in no brackets.
---@param text string
---@return string[]
function annotations.split_list(text)
  local depth, from, list = 0, 1, {}
  for at = 1, #text do
    local char = text:sub(at, at)
    depth = depth + (BRACKETS[char] or 0)
    if char == "," and depth == 0 then
      list[#list + 1] = text:sub(from, at - 1)
      from = at + 1
    end
  end
  list[#list + 1] = text:sub(from)
  for index, part in ipairs(list) do list[index] = part:match "^%s*(.-)%s*$" end
  return list
end

local function trimmed(text) return text:match "^%s*(.-)%s*$" end

-- A name, its type, and a note.
local function named(rest)
  local name, more = rest:match "^(%S+)%s+(.*)$"
  if not name then return { name = rest, type = "any", note = "" } end
  local kind, note = split_type(more)
  return { name = name, type = kind, note = trimmed(note) }
end

local TAGS = {
  param = function(block, rest) table.insert(block.params, named(rest)) end,
  field = function(block, rest)
    if not rest:find "^private " then table.insert(block.fields, named(rest)) end
  end,
  ["return"] = function(block, rest)
    local kind, more = split_type(rest)
    local name, note = more:match "^([%w_]+)(.*)$"
    if more:find "^ " then name, note = nil, more end
    table.insert(block.returns, { type = kind, name = name, note = trimmed(note or more) })
  end,
  raise = function(block, rest)
    local kinds, note = rest:match "^(.-)  +(.*)$"
    table.insert(block.raises, { kinds = kinds or rest, note = note })
  end,
  class = function(block, rest) block.class, block.parent = rest:match "^([%w_.]+)%s*:?%s*([%w_.]*)" end,
}

--- A block of comment lines, without their dashes.
---@param lines string[]
---@return table
local function parsed(lines)
  local block = { text = {}, params = {}, fields = {}, returns = {}, raises = {} }
  local tags = {}
  for _, line in ipairs(lines) do
    if line:find "^@" then
      tags[#tags + 1] = line
    elseif #tags > 0 then
      tags[#tags] = tags[#tags] .. " " .. trimmed(line)
    else
      table.insert(block.text, (line:gsub("^ ", "")))
    end
  end
  for _, line in ipairs(tags) do
    local tag, rest = line:match "^@(%l+)%s*(.*)$"
    if TAGS[tag] then TAGS[tag](block, rest) end
  end
  return block
end

--- What a line of code defines, by patterns: a function, a function under another name, a value, the table of a class.
local function definition(line)
  local owner, sign, name, parameters = line:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
  if owner then return { owner = owner, method = sign == ":", name = name, parameters = parameters } end
  if line:find "= require " then return nil end
  local target, from, original = line:match "^%s*([%w_.]+) = ([%w_]+)%.([%w_]+),?$"
  if target then return { name = target:match "[%w_]+$", from = from, original = original } end
  target = line:match "^%s*([%w_.]+) = " or line:match "^local ([%w_]+) = "
  return target and { name = target:match "[%w_]+$" } or nil
end

local function note(file, block, found)
  if block.class then
    file.classes[#file.classes + 1] = block
    block.holder = found and not found.owner and found.name
  end
  if not found or block.class and not found.owner then return end
  for field, value in pairs(found) do block[field] = value end
  if found.owner then
    file.functions[found.owner .. "." .. found.name] = block
    table.insert(file.order, block)
  elseif not file.values[found.name] then
    file.values[found.name] = block
  end
end

--- The annotations of a file.
---@param path string
---@return { header: string[], classes: table[], functions: table<string, table>, values: table<string, table>, order: table[],
---  requires: table<string, string> }  functions by "owner.name"; order: the functions as they stand
function annotations.read(path)
  local file = { header = {}, classes = {}, functions = {}, values = {}, order = {}, requires = {} }
  local lines, is_header = {}, true
  for line in io.lines(path) do
    local comment = line:match "^%s*%-%-%-(.*)$" or is_header and line:match "^%-%-(.*)$"
    if comment then
      lines[#lines + 1] = comment
    else
      local block, name, module = parsed(lines), line:match '^local ([%w_]+) = require "([%w_.]+)"'
      if name then file.requires[name] = module end
      if is_header then
        file.header, is_header = block.text, false
      else
        note(file, block, definition(line))
      end
      lines = {}
    end
  end
  return file
end

return annotations
