--- What a verb prints: rows of named values. With --output=json each is an object; as text they are a table that fits 80 columns.
local core = require "molbuild.core"
local seal = require "molbuild.base.seal"
local text = require "molbuild.base.text"

local rows = {}

local WIDTH_MAX = 80
local GAP = "  "

---@class molbuild.RowsColumn
---@field [1] string  the field of a row
---@field align "right"|nil
---@field shown (fun(value: any, row: table): string)?  the value as the table shows it; tostring when absent

---@class molbuild.Rows
---@field columns molbuild.RowsColumn[]
---@field notes string[]
---@field exit integer?
---@field [integer] table
local Rows = {}
Rows.__index = Rows

---@class molbuild.RowsOptions
---@field columns molbuild.RowsColumn[]

local NEW_OPTIONS = { columns = true }

--- No rows yet. The last column of the table is the one that is wrapped when a row is too long.
---@param options molbuild.RowsOptions
---@return molbuild.Rows
function rows.new(options)
  seal.options("molbuild.rows.new", options, NEW_OPTIONS)
  return setmetatable({ columns = options.columns, notes = {} }, Rows)
end

--- Whether a value is rows.
---@param value any
---@return boolean
function rows.is(value)
  return type(value) == "table" and getmetatable(value) == Rows
end

--- Add a row. The object has all of its fields; the table has those of the columns.
---@param fields table<string, any>  an absent or false field is not in the object, and "-" in the table
function Rows:add(fields)
  self[#self + 1] = fields
end

--- Add a line of text behind the table. The objects are without it.
---@param line string
function Rows:note(line)
  self.notes[#self.notes + 1] = line
end

local function cell(column, fields)
  local value = fields[column[1]]
  if not value and value ~= 0 then return "-" end
  return text.one_line(column.shown and column.shown(value, fields) or tostring(value))
end

-- The table's cells, its titles first, and the width of each column.
local function cells_of(self)
  local table_of, widths = { {} }, {}
  for index, column in ipairs(self.columns) do
    table_of[1][index] = column[1]:upper():gsub("_", " ")
  end
  for at, fields in ipairs(self) do
    table_of[at + 1] = {}
    for index, column in ipairs(self.columns) do table_of[at + 1][index] = cell(column, fields) end
  end
  for _, line in ipairs(table_of) do
    for index, word in ipairs(line) do widths[index] = math.max(widths[index] or 0, core.width.columns(word)) end
  end
  return table_of, widths
end

-- A text in lines of at most WIDTH columns, broken at spaces. A longer word keeps its line.
local function wrapped(words, width)
  local lines = {}
  for word in words:gmatch "%S+" do
    local last = lines[#lines]
    if last and core.width.columns(last) + 1 + core.width.columns(word) <= width then
      lines[#lines] = last .. " " .. word
    else
      lines[#lines + 1] = word
    end
  end
  return #lines > 0 and lines or { "" }
end

local function padded(word, width, align)
  local space = (" "):rep(width - core.width.columns(word))
  return align == "right" and space .. word or word .. space
end

--- The rows as a table for people, with a line of titles, and the notes behind it. Without rows there are the notes alone.
---@return string
function Rows:text()
  local lines, cells, widths = {}, cells_of(self)
  local last, indent = #self.columns, 0
  for index = 1, last - 1 do indent = indent + widths[index] + #GAP end
  for _, line in ipairs(#self > 0 and cells or {}) do
    local parts = {}
    for index = 1, last - 1 do parts[index] = padded(line[index], widths[index], self.columns[index].align) end
    local ends = self.columns[last].align and { padded(line[last], widths[last], "right") }
      or wrapped(line[last], math.max(WIDTH_MAX - indent, 20))
    parts[last] = ends[1]
    lines[#lines + 1] = table.concat(parts, GAP)
    for more = 2, #ends do lines[#lines + 1] = (" "):rep(indent) .. ends[more] end
  end
  table.move(self.notes, 1, #self.notes, #lines + 1, lines)
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

--- The rows as JSON, one object per line.
---@param encode fun(t: table, first: string[]): string
---@return string
function Rows:json(encode)
  local first, lines = {}, {}
  for index, column in ipairs(self.columns) do first[index] = column[1] end
  for index, fields in ipairs(self) do lines[index] = encode(fields, first) .. "\n" end
  return table.concat(lines)
end

return rows
