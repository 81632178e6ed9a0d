--- docs/library.md: the reference of the library, module by module.
local stubs = require "spec.support.stubs"

local library_page = {}

local INTRODUCTION = [[
# The library

`make docs` makes this page from the comments in `lua/molbuild`, with the types for editors (`lua/types`). How policies use the
library: [policy.md](policy.md). The module `core` has a page of its own, [primitives.md](primitives.md), and so has `testing`,
[testing.md](testing.md).

A policy that molbuild runs has the library as the global `molbuild`, and `require "molbuild"` returns it, too. A module is loaded
at its first use. A type that ends in `?` may be absent. A function that raises lists the kinds of its errors; the kind decides the
exit status. Every function that waits can also raise `cancelled`.
]]

local function item(lines, word, name, kind, note)
  local text = ("- %s %s"):format(word, name and ("`%s`: `%s`"):format(name, kind) or ("`%s`"):format(kind))
  lines[#lines + 1] = text .. (note ~= "" and ", " .. note or "")
end

local function add_text(lines, text)
  if #text > 0 then
    table.move(text, 1, #text, #lines + 1, lines)
    lines[#lines + 1] = ""
  end
end

local function add_function(lines, owner, block)
  lines[#lines + 1] = ("### %s%s(%s)\n"):format(owner, block.name, block.parameters)
  add_text(lines, block.text)
  local before = #lines
  for _, param in ipairs(block.params) do
    local kind = param.inline and param.inline:gsub(" }%?$", " }?") or param.type
    item(lines, "takes", param.name, kind, param.note)
  end
  for _, result in ipairs(block.returns) do item(lines, "gives", result.name, result.type, result.note) end
  if #block.raises > 0 then lines[#lines + 1] = "- raises " .. stubs.raised(block.raises) end
  if #lines > before then lines[#lines + 1] = "" end
end

local function add_class(lines, class)
  lines[#lines + 1] = ("### %s\n"):format(class.class)
  add_text(lines, class.text)
  if (class.parent or "") ~= "" then lines[#lines + 1] = ("Also has the fields of `%s`.\n"):format(class.parent) end
  local before = #lines
  for _, field in ipairs(class.fields) do
    lines[#lines + 1] = ("- `%s`: `%s`%s"):format(field.name, field.type, field.note ~= "" and ", " .. field.note or "")
  end
  if #lines > before then lines[#lines + 1] = "" end
  for _, method in ipairs(class.methods) do add_function(lines, class.class:match "[%w_]+$" .. ":", method) end
end

local function add_module(lines, module)
  lines[#lines + 1] = ("## %s\n"):format(module.name)
  add_text(lines, module.header)
  for _, value in ipairs(module.values) do
    local note = table.concat(value.text, " ")
    lines[#lines + 1] = ("- `%s.%s`: `%s`%s"):format(module.name, value.name, value.type, note ~= "" and ". " .. note or "")
  end
  if #module.values > 0 then lines[#lines + 1] = "" end
  for _, block in ipairs(module.functions) do add_function(lines, module.name .. ".", block) end
end

--- The page.
---@param all { top: table, modules: table[], classes: table[] }  as library.read() returns it
---@return string
function library_page.text(all)
  local lines = { INTRODUCTION }
  add_module(lines, all.top)
  for _, module in ipairs(all.modules) do add_module(lines, module) end
  lines[#lines + 1] = "## Tables and objects\n"
  for _, class in ipairs(all.classes) do add_class(lines, class) end
  return (table.concat(lines, "\n"):gsub("\n+$", "\n"))
end

return library_page
