--- Stubs for language servers, as text: functions and classes with their annotations.
local stubs = {}

local WIDTH = 130

local function add_text(lines, text)
  for _, line in ipairs(text) do lines[#lines + 1] = line == "" and "---" or "--- " .. line end
end

--- A line with a note behind two spaces. What does not fit continues on further lines.
---@param lines string[]
---@param line string
---@param note string?
function stubs.noted(lines, line, note)
  if (note or "") ~= "" then line = line .. "  " .. note end
  while #line > WIDTH do
    local at = WIDTH
    while at > 60 and line:sub(at, at) ~= " " do at = at - 1 end
    if at <= 60 then break end
    lines[#lines + 1] = line:sub(1, at - 1)
    line = "---  " .. line:sub(at + 1)
  end
  lines[#lines + 1] = line
end

local noted = stubs.noted

--- "usage | remote" as a sentence's part: usage, remote; with its note in parentheses.
---@param raises { kinds: string, note: string? }[]
---@return string
function stubs.raised(raises)
  local parts = {}
  for _, raise in ipairs(raises) do
    parts[#parts + 1] = raise.kinds:gsub(" *| *", ", ") .. (raise.note and (" (%s)"):format(raise.note) or "")
  end
  return table.concat(parts, ", ")
end

--- A function's stub. OWNER is what precedes its name: "names.", "Engine:".
---@param lines string[]
---@param owner string
---@param block table
function stubs.add_function(lines, owner, block)
  lines[#lines + 1] = ""
  add_text(lines, block.text)
  if #block.raises > 0 then noted(lines, "--- Raises: " .. stubs.raised(block.raises) .. ".") end
  for _, param in ipairs(block.params) do noted(lines, ("---@param %s %s"):format(param.name, param.type), param.note) end
  for _, result in ipairs(block.returns) do
    noted(lines, ("---@return %s%s"):format(result.type, result.name and " " .. result.name or ""), result.note)
  end
  for _, overload in ipairs(block.overloads or {}) do lines[#lines + 1] = "---@overload " .. overload end
  lines[#lines + 1] = ("function %s%s(%s) end"):format(owner, block.name, block.parameters)
end

--- A class: its text, its fields, and its methods if it has any.
---@param lines string[]
---@param class table
function stubs.add_class(lines, class)
  lines[#lines + 1] = ""
  add_text(lines, class.text)
  local parent = (class.parent or "") ~= "" and ": " .. class.parent or ""
  lines[#lines + 1] = "---@class " .. class.class .. parent
  for _, field in ipairs(class.fields) do noted(lines, ("---@field %s %s"):format(field.name, field.type), field.note) end
  if #(class.methods or {}) > 0 then
    local name = class.class:match "[%w_]+$"
    lines[#lines + 1] = ("local %s = {}"):format(name)
    for _, method in ipairs(class.methods) do stubs.add_function(lines, name .. ":", method) end
  end
end

--- A module: a class with its values as fields, and its functions. HOLDER is the statement that makes its table.
---@param lines string[]
---@param module table
---@param class string
---@param holder string
function stubs.add_module(lines, module, class, holder)
  lines[#lines + 1] = ""
  add_text(lines, module.header)
  lines[#lines + 1] = "---@class " .. class
  for _, value in ipairs(module.values) do
    noted(lines, ("---@field %s %s"):format(value.name, value.type), table.concat(value.text, " "))
  end
  lines[#lines + 1] = holder
  for _, block in ipairs(module.functions) do
    if block.options then stubs.add_class(lines, block.options) end
    stubs.add_function(lines, module.name .. ".", block)
  end
end

return stubs
