--- The lines of a Lua chunk on which something is executed, in all of its functions, called or not: read from the bytecode of
--- Lua 5.4, since Lua itself tells them of a function that exists alone.
local bytecode = {}

-- The sizes of the parts before the first function: signature to number, and the count of upvalues.
local HEADER = 4 + 1 + 1 + 6 + 1 + 1 + 1 + 8 + 8 + 1

local OP_CLOSURE, OPCODE_MASK, BX_SHIFT = 79, 0x7F, 15
local NUMBER, INTEGER, SHORT, LONG = 0x13, 0x03, 0x04, 0x14
local ABSOLUTE = -128

---@class molbuild.testing.Reader
local Reader = {}
Reader.__index = Reader

function Reader:byte()
  self.at = self.at + 1
  return self.text:byte(self.at - 1)
end

-- Groups of seven bits, the highest first; the last byte has its eighth bit set.
function Reader:size()
  local value = 0
  while true do
    local byte = self:byte()
    value = value << 7 | byte & 0x7F
    if byte & 0x80 ~= 0 then
      return value
    end
  end
end

function Reader:skip(count)
  self.at = self.at + count
end

function Reader:string()
  local size = self:size()
  self:skip(size > 0 and size - 1 or 0)
end

function Reader:constants()
  for _ = 1, self:size() do
    local kind = self:byte()
    if kind == NUMBER or kind == INTEGER then
      self:skip(8)
    elseif kind == SHORT or kind == LONG then
      self:string()
    end
  end
end

-- The line of each instruction.
function Reader:lines(first)
  local deltas, absolute, lines = {}, {}, {}
  local count = self:size()
  for index = 1, count do
    deltas[index] = string.unpack("b", self.text, self.at)
    self:skip(1)
  end
  for _ = 1, self:size() do
    local pc = self:size()
    absolute[pc + 1] = self:size()
  end
  local line = first
  for index = 1, count do
    line = deltas[index] == ABSOLUTE and absolute[index] or line + deltas[index]
    lines[index] = line
  end
  return lines
end

function Reader:names()
  for _ = 1, self:size() do -- of local variables
    self:string()
    self:size()
    self:size()
  end
  for _ = 1, self:size() do
    self:string()
  end
end

-- The closing line of a function is executed when the function is created, or never: it shows nothing.
local function note_lines(active, code, lines, protos, is_vararg)
  for index = is_vararg and 2 or 1, #code - 1 do
    local proto = code[index] & OPCODE_MASK == OP_CLOSURE and protos[(code[index] >> BX_SHIFT) + 1]
    if not (proto and lines[index] == proto.last and proto.last ~= proto.first) then
      active[lines[index]] = true
    end
  end
end

function Reader:fn(active)
  self:string()
  local first, last = self:size(), self:size()
  self:byte()
  local is_vararg = self:byte() ~= 0
  self:byte()
  local code, protos = {}, {}
  for index = 1, self:size() do
    code[index] = string.unpack("<I4", self.text, self.at)
    self:skip(4)
  end
  self:constants()
  self:skip(3 * self:size())
  for index = 1, self:size() do
    protos[index] = self:fn(active)
  end
  note_lines(active, code, self:lines(first), protos, is_vararg)
  self:names()
  return { first = first, last = last }
end

--- The lines of a chunk that something is executed on.
---@param chunk function  a main chunk
---@return table<integer, true>
function bytecode.lines(chunk)
  local active = {}
  setmetatable({ text = string.dump(chunk), at = HEADER + 1 }, Reader):fn(active)
  return active
end

return bytecode
