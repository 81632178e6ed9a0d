--- The tables of docs/primitives.md: what the stubs in lua/types/core describe, with the units and defaults of the options as the
--- bindings in core/bind declare them.
local annotations = require "spec.support.annotations"

local primitives_page = {}

local PAGE = "docs/primitives.md"

--- The tables of options: the class in the stubs, and the table in the binding.
local OPTIONS = {
  http = { class = "HttpOptions", binding = "core/bind/bind_http.c", name = "request_options" },
  process = { class = "ProcessOptions", binding = "core/bind/bind_process.c", name = "run_options" },
  lock = { class = "LockOptions", binding = "core/bind/bind_lock.c", name = "acquire_options" },
}

--- By the unit in the binding: what the page calls it. A value of any other type has the type of its stub.
local UNITS = {
  TEXT = "text", DATA = "bytes of any kind", SECONDS = "seconds", BYTES = "bytes", COUNT = "number", FLAG = "boolean",
  TEXTS = "list of texts", PAIRS = "table of texts", FUNCTION = "function",
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local function cell(text) return (text:gsub("|", "\\|")) end

-- Outside of code, < begins a tag.
local function prose(text) return (cell(text):gsub("<", "\\<")) end

local function row(...)
  return (("| " .. table.concat({ ... }, " | ") .. " |"):gsub("  |", " |"))
end

local function typed(kind) return "`" .. cell(kind:gsub("molbuild%.core%.", "")) .. "`" end

-- A number of C as the page shows it.
local function number(text, source)
  local defined = source:match("#define " .. text .. "%s+([^\n]*)")
  local value = defined or text
  local bits = value:match "^%((%d+) << 20%)$"
  if bits then return bits .. " MiB" end
  return value == "HUGE_VAL" and "none" or value == "SIGTERM" and "15, TERM" or value
end

--- The options that a binding declares, in its order.
---@param topic string
---@return { name: string, unit: string, default: string?, required: boolean }[]
function primitives_page.declared(topic)
  local source, list = read(OPTIONS[topic].binding), {}
  local rows = assert(source:match("bind_option " .. OPTIONS[topic].name .. "%[%] = {(.-){0}};"))
  for name, unit, more in rows:gmatch '{"([%l_]+)", BIND_(%u+), AT%([%w_.]+%)([^}]*)}' do
    local text, value = more:match '%.absent_text = "(.+)"', more:match "%.absent = ([%w_]+)"
    list[#list + 1] = {
      name = name, unit = unit, required = more:find(".required", 1, true) ~= nil,
      default = text and "`" .. text .. "`" or value and number(value, source),
    }
  end
  return list
end

-- A note without the part that names the default, and that default.
local function split_note(note)
  local rest, default = note:match "^(.*);%s*(.-),? when absent$"
  if not rest then default = note:match "^([^;]*) when absent$" end
  return default and (rest or "") or note, default
end

local function class_of(file, name)
  for _, class in ipairs(file.classes) do
    if class.class == "molbuild.core." .. name then return class end
  end
  error(name .. " is no class of the stubs")
end

local function options(topic, file)
  local fields, lines = {}, { "| option | default | unit | |", "| --- | --- | --- | --- |" }
  for _, field in ipairs(class_of(file, OPTIONS[topic].class).fields) do fields[field.name] = field end
  for _, option in ipairs(primitives_page.declared(topic)) do
    local field = assert(fields[option.name], option.name)
    local note, said = split_note(field.note)
    local default = option.required and "" or option.default or said or option.unit == "FLAG" and "`false`" or "none"
    if note == "" then note = said and "" or field.note end
    lines[#lines + 1] = row(("`%s`"):format(option.name), prose(default),
      UNITS[option.unit] or typed((field.type:gsub("%?$", ""))), prose(note))
  end
  return lines
end

local function meaning(block)
  local parts = { table.concat(block.text, " ") }
  for _, param in ipairs(block.params) do
    if param.note ~= "" then parts[#parts + 1] = ("`%s`: %s."):format(param.name, param.note) end
  end
  return prose(table.concat(parts, " "))
end

-- What a primitive gives when it succeeds.
local function gives(block)
  local parts, can_fail = {}, false
  for _, result in ipairs(block.returns) do can_fail = can_fail or result.name == "message" end
  for _, result in ipairs(block.returns) do
    if result.name == "message" then break end
    local is_plain = result.type == "nil" or result.type == "true?"
    if not is_plain then
      parts[#parts + 1] = typed(can_fail and result.type:gsub("%?$", "") or result.type)
        .. (result.name and " " .. result.name or "") .. (result.note ~= "" and ": " .. prose(result.note) or "")
    end
  end
  return table.concat(parts, "; ")
end

local function functions(topic, file)
  local lines = { "| primitive | gives | |", "| --- | --- | --- |" }
  for _, block in ipairs(file.order) do
    if block.owner == topic then
      lines[#lines + 1] = row(("`%s.%s(%s)`"):format(topic, block.name, block.parameters), gives(block), meaning(block))
    end
  end
  for _, class in ipairs(file.classes) do
    if #class.fields > 0 and not class.class:find "Options$" then
      local heading = ("| field of `%s` | type | |"):format(class.class:match "%w+$")
      table.move({ "", heading, "| --- | --- | --- |" }, 1, 3, #lines + 1, lines)
      for _, field in ipairs(class.fields) do
        lines[#lines + 1] = row(("`%s`"):format(field.name), typed(field.type), prose(field.note))
      end
    end
  end
  return lines
end

-- A text with the part between two marks made again.
local function with_part(text, what, lines)
  local first, last = ("<!-- %s: made by make docs -->\n"):format(what), ("<!-- end of %s -->"):format(what)
  local _, from = text:find(first, 1, true)
  local to = text:find(last, from or 1, true)
  assert(from and to, ("%s has no marks around the %s"):format(PAGE, what))
  return text:sub(1, from) .. table.concat(lines, "\n") .. "\n" .. text:sub(to)
end

--- The page, with its tables made again.
---@return string
function primitives_page.text()
  local text = read(PAGE)
  for topic in read "lua/types/core.lua":gmatch "%-%-%-@field (%w+) molbuild%.core%.%w+\n" do
    local file = annotations.read(("lua/types/core/%s.lua"):format(topic))
    text = with_part(text, topic .. " functions", functions(topic, file))
    if OPTIONS[topic] then text = with_part(text, topic .. " options", options(topic, file)) end
  end
  return text
end

return primitives_page
