--- Which fields of which tables a chunk names, called or not: `ensure.build`, `molbuild.git.tree`, `job.tag`, globals. Each value
--- is followed from its source through locals and upvalues, as far as the code is straight. What is not known is left out.
local bytecode = require "molbuild.policy.bytecode"

local OP = bytecode.OP

-- The name of the library: that of a global, and of a module.
local LIBRARY = "molbuild"

local uses = {}

--- A field that code names. `path` is where the table comes from: { "global" } for globals, { "molbuild", "git" } for the library,
--- { "job" } for a parameter of that name, and { 7 } for the local variable that has this number.
---@class molbuild.Use
---@field path (string|integer)[]
---@field key string
---@field line integer
---@field is_set boolean

local function extended(path, key)
  local longer = table.move(path, 1, #path, 1, {})
  longer[#longer + 1] = key
  return longer
end

---@class molbuild.Walk  one function being read
local Walk = {}
Walk.__index = Walk

-- The local variable that a register holds at an instruction; nil when it holds none.
function Walk:variable(register, index)
  local at = -1
  for _, variable in ipairs(self.proto.locals) do
    if variable.from > index then return nil end
    if variable.to > index then
      at = at + 1
      if at == register then return variable end
    end
  end
end

-- A variable that is set a second time may hold something else by then.
function Walk:write(register, path, index)
  local variable = self:variable(register, index)
  if variable then self.varies[variable] = true end
  self.registers[register] = path
end

-- What a register holds. A variable of an unknown value is a root of its own.
function Walk:read(register, index)
  local variable = self:variable(register, index)
  if not variable then return self.registers[register] end
  if self.varies[variable] then return nil end
  if not self.roots[variable] then
    self.state.count = self.state.count + 1
    self.roots[variable] = self.registers[register] or { self.state.count }
  end
  return self.roots[variable]
end

function Walk:note(path, key, index, is_set)
  if not path or type(key) ~= "string" then return nil end
  table.insert(self.state.list, { path = path, key = key, line = self.proto.lines[index], is_set = is_set })
  return extended(path, key)
end

-- A global: `molbuild` is the library, whatever gives it.
function Walk:global(key, index, is_set)
  local path = self:note({ "global" }, key, index, is_set)
  return key == LIBRARY and not is_set and { LIBRARY } or path
end

local handlers = {}

handlers[OP.MOVE] = function(walk, index, a, b)
  walk:write(a, walk:read(b, index), index)
end

handlers[OP.LOADK] = function(walk, index, a, _, _, bx)
  walk:write(a, { "text", walk.proto.constants[bx + 1] }, index)
end

handlers[OP.GETUPVAL] = function(walk, index, a, b)
  walk:write(a, walk.upvalues[b + 1], index)
end

handlers[OP.GETTABUP] = function(walk, index, a, b, c)
  local key, up = walk.proto.constants[c + 1], walk.proto.upvalues[b + 1]
  walk:write(a, up.name == "_ENV" and walk:global(key, index, false) or walk:note(walk.upvalues[b + 1], key, index, false), index)
end

handlers[OP.SETTABUP] = function(walk, index, a, b)
  local key, up = walk.proto.constants[b + 1], walk.proto.upvalues[a + 1]
  if up.name == "_ENV" then
    walk:global(key, index, true)
  else
    walk:note(walk.upvalues[a + 1], key, index, true)
  end
end

handlers[OP.GETFIELD] = function(walk, index, a, b, c)
  walk:write(a, walk:note(walk:read(b, index), walk.proto.constants[c + 1], index, false), index)
end

handlers[OP.SETFIELD] = function(walk, index, a, b)
  walk:note(walk:read(a, index), walk.proto.constants[b + 1], index, true)
end

handlers[OP.SELF] = function(walk, index, a, b, c, bx)
  local path = walk:read(b, index)
  walk:write(a, bx & 1 == 1 and walk:note(path, walk.proto.constants[c + 1], index, false) or nil, index)
  walk:write(a + 1, path, index)
end

-- The registers from the first result on hold something else afterwards.
handlers[OP.CALL] = function(walk, index, a)
  local fn, argument = walk.registers[a], walk.registers[a + 1]
  local loads = fn and fn[1] == "global" and fn[2] == "require"
  local is_library = loads and argument and argument[1] == "text" and argument[2] == LIBRARY
  for register in pairs(walk.registers) do
    if register >= a and not walk:variable(register, index) then walk.registers[register] = nil end
  end
  walk:write(a, is_library and { LIBRARY } or nil, index)
end

handlers[OP.CLOSURE] = function(walk, index, a, _, _, bx)
  local inner = walk.proto.protos[bx + 1]
  local upvalues = {}
  for number, up in ipairs(inner.upvalues) do
    upvalues[number] = up.in_stack and (walk:variable(up.index, index + 1) and walk:read(up.index, index + 1)) or nil
    if not up.in_stack then upvalues[number] = walk.upvalues[up.index + 1] end
  end
  walk:write(a, nil, index)
  table.insert(walk.inner, { inner, upvalues })
end

-- At the end of a branch a temporary value may be that of either way.
function Walk:forget_temporaries(index)
  for register in pairs(self.registers) do
    if not self:variable(register, index) then self.registers[register] = nil end
  end
end

local function targets_of(proto)
  local targets = {}
  for index, instruction in ipairs(proto.code) do
    if bytecode.decode(instruction) == OP.JMP then targets[bytecode.target(instruction, index)] = true end
  end
  return targets
end

local function walk_proto(state, proto, upvalues)
  local walk = setmetatable({
    state = state, proto = proto, upvalues = upvalues, registers = {}, roots = {}, varies = {}, inner = {},
  }, Walk)
  for register = 0, proto.params - 1 do
    local variable = proto.locals[register + 1]
    if variable and variable.name == "job" then walk.registers[register] = { "job" } end
  end
  local targets = targets_of(proto)
  for index, instruction in ipairs(proto.code) do
    local op, a, b, c, bx = bytecode.decode(instruction)
    if targets[index] then walk:forget_temporaries(index) end
    if handlers[op] then
      handlers[op](walk, index, a, b, c, bx)
    elseif op == OP.RETURN or op == OP.RETURN1 then
      if proto == state.main then state.returned = walk:read(a, index) or state.returned end
    elseif not bytecode.WRITES_NOTHING[op] then
      walk:write(a, nil, index)
    end
  end
  for _, pair in ipairs(walk.inner) do walk_proto(state, pair[1], pair[2]) end
end

--- The fields that a chunk names, in the order of its functions.
---@param chunk function  a main chunk
---@return molbuild.Use[]
---@return (string|integer)[]? returned  the path of the value that the chunk returns, where that is known
function uses.of(chunk)
  local main = bytecode.read(chunk)
  local state = { list = {}, count = 0, main = main }
  walk_proto(state, main, {})
  return state.list, state.returned
end

return uses
