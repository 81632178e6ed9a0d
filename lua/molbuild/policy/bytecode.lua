--- Reads what Lua 5.4 compiles a chunk to: its functions, whether they are called or not. Lua itself describes only functions that
--- exist at run time. See lundump.c and lopcodes.h of Lua 5.4.
local bytecode = {}

-- The sizes of the parts before the first function: signature to number, and the count of upvalues.
local HEADER = 4 + 1 + 1 + 6 + 1 + 1 + 1 + 8 + 8 + 1

local NUMBER, INTEGER, SHORT, LONG = 0x13, 0x03, 0x04, 0x14
local ABSOLUTE = -128

--- The operations that readers of the code need, by number.
bytecode.OP = {
  MOVE = 0, LOADK = 3, GETUPVAL = 9, GETTABUP = 11, GETFIELD = 14, SETTABUP = 15, SETFIELD = 18, SELF = 20, JMP = 56, CALL = 68,
  RETURN = 70, RETURN1 = 72, CLOSURE = 79,
}

--- The operations that do not write to the register of their first operand.
bytecode.WRITES_NOTHING = {}
for _, range in ipairs { { 10, 10 }, { 15, 18 }, { 46, 48 }, { 54, 66 }, { 70, 72 }, { 78, 78 }, { 82, 82 } } do
  for op = range[1], range[2] do bytecode.WRITES_NOTHING[op] = true end
end

---@class molbuild.Proto
---@field first integer  the line of its definition
---@field last integer
---@field params integer
---@field is_vararg boolean
---@field code integer[]  instructions
---@field lines integer[]  the line of each instruction
---@field constants any[]  strings alone; false for another constant
---@field upvalues { name: string?, in_stack: boolean, index: integer }[]  index: a register or an upvalue of the outer function
---@field locals { name: string, from: integer, to: integer }[]  in the order of their registers; instructions FROM to TO - 1
---@field protos molbuild.Proto[]

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
    if byte & 0x80 ~= 0 then return value end
  end
end

function Reader:string()
  local size = self:size()
  if size == 0 then return nil end
  local from = self.at
  self.at = from + size - 1
  return self.text:sub(from, self.at - 1)
end

function Reader:list(read)
  local list = {}
  for index = 1, self:size() do list[index] = read(self) end
  return list
end

function Reader:instruction()
  self.at = self.at + 4
  return (string.unpack("<I4", self.text, self.at - 4))
end

function Reader:constant()
  local kind = self:byte()
  if kind == NUMBER or kind == INTEGER then
    self.at = self.at + 8
  elseif kind == SHORT or kind == LONG then
    return self:string()
  end
  return false
end

function Reader:upvalue()
  local in_stack, index = self:byte() == 1, self:byte()
  self:byte() -- its kind
  return { in_stack = in_stack, index = index }
end

function Reader:local_variable()
  return { name = self:string(), from = self:size() + 1, to = self:size() + 1 }
end

function Reader:delta()
  self.at = self.at + 1
  return (string.unpack("b", self.text, self.at - 1))
end

-- The line of each instruction.
function Reader:line_numbers(first)
  local deltas, absolute, lines, line = self:list(self.delta), {}, {}, first
  for _ = 1, self:size() do
    local pc = self:size()
    absolute[pc + 1] = self:size()
  end
  for index, delta in ipairs(deltas) do
    line = delta == ABSOLUTE and absolute[index] or line + delta
    lines[index] = line
  end
  return lines
end

function Reader:proto()
  self:string() -- the source
  local proto = { first = self:size(), last = self:size(), params = self:byte(), is_vararg = self:byte() ~= 0 }
  self:byte() -- the size of the stack
  proto.code = self:list(self.instruction)
  proto.constants = self:list(self.constant)
  proto.upvalues = self:list(self.upvalue)
  proto.protos = self:list(self.proto)
  proto.lines = self:line_numbers(proto.first)
  local from = self.at
  proto.locals = self:list(self.local_variable)
  for index, name in ipairs(self:list(self.string)) do proto.upvalues[index].name = name end
  table.insert(self.names, { from = from, to = self.at })
  return proto
end

--- The parts of an instruction.
---@param instruction integer
---@return integer op
---@return integer a
---@return integer b
---@return integer c
---@return integer bx  the operand that b, c and the bit k between a and b are together
function bytecode.decode(instruction)
  return instruction & 0x7F, instruction >> 7 & 0xFF, instruction >> 16 & 0xFF, instruction >> 24 & 0xFF, instruction >> 15
end

--- Where a jump leads.
---@param instruction integer  of the operation JMP
---@param index integer  its own
---@return integer
function bytecode.target(instruction, index)
  return index + 1 + (instruction >> 7) - 0xFFFFFF
end

local function reader_of(bytes)
  return setmetatable({ text = bytes, at = HEADER + 1, names = {} }, Reader)
end

--- The function of a chunk, with the functions inside.
---@param chunk function  a main chunk
---@return molbuild.Proto
function bytecode.read(chunk)
  return reader_of(string.dump(chunk)):proto()
end

-- A count of 0 for the local variables, and one for the upvalues.
local NO_NAMES = "\x80\x80"

--- The same chunk without the names of local variables and upvalues. Its files and lines stay.
---@param bytes string  as of string.dump
---@return string
function bytecode.without_names(bytes)
  local reader, out, kept = reader_of(bytes), {}, 1
  reader:proto()
  for _, part in ipairs(reader.names) do -- inner functions come first
    out[#out + 1] = bytes:sub(kept, part.from - 1) .. NO_NAMES
    kept = part.to
  end
  local result = table.concat(out)
  assert(kept == #bytes + 1 and load(result, "=chunk", "b"), "the bytecode is not that of Lua 5.4")
  return result
end

-- What is on the closing line of a function is executed when it is made, or never.
local function note_lines(active, proto)
  for index = proto.is_vararg and 2 or 1, #proto.code - 1 do
    local op, _, _, _, bx = bytecode.decode(proto.code[index])
    local inner, line = op == bytecode.OP.CLOSURE and proto.protos[bx + 1], proto.lines[index]
    if not (inner and line == inner.last and inner.last ~= inner.first) then active[line] = true end
  end
  for _, inner in ipairs(proto.protos) do note_lines(active, inner) end
end

--- The lines of a chunk on which something is executed, in all of its functions.
---@param chunk function  a main chunk
---@return table<integer, true>
function bytecode.lines(chunk)
  local active = {}
  note_lines(active, bytecode.read(chunk))
  return active
end

return bytecode
