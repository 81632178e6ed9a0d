--- The library as policies see it, read from the annotations of its modules and compared with the modules themselves.
local annotations = require "spec.support.annotations"
local molbuild = require "molbuild"

local library = {}

--- Modules whose stubs are files of their own.
local BY_HAND = { core = true, testing = true }

local files = {}

local function file_of(module)
  local path = assert(package.searchpath(module, "./lua/?.lua;./lua/?/init.lua"))
  files[path] = files[path] or annotations.read(path)
  return files[path]
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

--- The modules of the library, by the names that policies use, sorted.
---@return { name: string, module: string }[]
function library.names()
  local list = {}
  local map = assert(read "lua/molbuild/init.lua":match "\nlocal MODULES = {\n(.-)\n}")
  for name, module in map:gmatch '([%w_]+) = "([%w_.]+)"' do list[#list + 1] = { name = name, module = module } end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- An options table that is written where it is taken, as a class of its own: editors then complete its fields.
local function name_options(owner, block)
  for _, param in ipairs(block.params) do
    local inner, ending = param.type:match "^{ (%l.*) }(%??)$"
    if inner then
      local class = { class = ("molbuild.%s.%s.%s"):format(owner, block.name, param.name), text = {}, fields = {}, methods = {} }
      for _, part in ipairs(annotations.split_list(inner)) do
        local name, kind = part:match "^(%S+): (.*)$"
        class.fields[#class.fields + 1] = { name = name, type = kind, note = "" }
      end
      block.options, param.inline, param.type = class, param.type, class.class .. ending
    end
  end
end

-- A module's function that another file defines: that function under this name.
local function resolved(file, block)
  if not block.from then return block end
  local other = file_of(file.requires[block.from])
  local found = assert(other.functions[block.from .. "." .. block.original], block.original)
  local copy = {}
  for key, value in pairs(found) do copy[key] = value end
  if #copy.text == 0 then copy.text = block.text end
  copy.owner, copy.name = nil, block.name
  return copy
end

local function module_of(name, module)
  local file, real = file_of(module), require(module)
  local made = { name = name, header = file.header, functions = {}, values = {} }
  local function add(block)
    block.module = name
    name_options(name, block)
    table.insert(made.functions, block)
  end
  for _, block in ipairs(file.order) do
    if block.owner == name and not block.method and real[block.name] then add(block) end
  end
  local keys = {}
  for key in pairs(real) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value, block = real[key], file.values[key]
    if type(value) ~= "function" then
      made.values[#made.values + 1] = { name = key, type = math.type(value) or type(value), text = block and block.text or {} }
    elseif not file.functions[name .. "." .. key] then
      add(resolved(file, assert(block, name .. "." .. key .. " has no annotations")))
    end
  end
  return made
end

-- Methods that have annotations; the others belong to the library.
local function methods_of(file, class)
  local list = {}
  for _, block in ipairs(file.order) do
    local is_public = block.method and block.owner == class.holder and not block.name:find "^_"
      and #block.text > 0
    local count = select(2, block.parameters:gsub("[^,%s]+", ""))
    if is_public and count == #block.params then list[#list + 1] = block end
  end
  return list
end

local function all_classes()
  local paths, by_name = io.popen "find lua/molbuild -name '*.lua' | LC_ALL=C sort", {}
  for path in paths:lines() do
    files[path] = files[path] or annotations.read(path)
    for _, class in ipairs(files[path].classes) do
      if not class.class:find "^molbuild%.testing" then
        class.methods = class.methods or methods_of(files[path], class)
        by_name[class.class] = class
      end
    end
  end
  paths:close()
  return by_name
end

-- Every type that a block mentions.
local function each_type(block, visit)
  for _, list in ipairs { block.params or {}, block.returns or {}, block.fields or {} } do
    for _, item in ipairs(list) do visit(item.type) end
  end
  for _, method in ipairs(block.methods or {}) do each_type(method, visit) end
  if block.options then each_type(block.options, visit) end
end

-- The classes that functions mention, and those that these mention.
local function mentioned(modules, extra)
  local known, used, list = all_classes(), {}, {}
  local function visit(kind)
    for name in kind:gmatch "molbuild%.[%w_.]+" do
      if known[name] and not used[name] then
        used[name] = true
        list[#list + 1] = known[name]
        each_type(known[name], visit)
      end
    end
  end
  for _, module in ipairs(modules) do
    for _, block in ipairs(module.functions) do each_type(block, visit) end
  end
  for _, kind in ipairs(extra) do visit(kind) end
  table.sort(list, function(a, b) return a.class < b.class end)
  return list
end

local made

--- The library: its modules, with their functions and values, and the classes that these mention.
---@return { top: table, modules: table[], classes: table[], by_hand: string[] }
function library.read()
  if made then return made end
  local modules, by_hand = {}, {}
  for _, entry in ipairs(library.names()) do
    if BY_HAND[entry.name] then
      by_hand[#by_hand + 1] = entry.name
    else
      modules[#modules + 1] = module_of(entry.name, entry.module)
    end
  end
  local file = file_of "molbuild"
  local top = { name = "molbuild", header = file.header, functions = {}, values = {} }
  for _, block in ipairs(file.order) do
    if block.owner == "molbuild" and rawget(molbuild, block.name) then table.insert(top.functions, block) end
  end
  local everything = table.move(modules, 1, #modules, 2, { top })
  made = {
    top = top, modules = modules, by_hand = by_hand,
    classes = mentioned(everything, { "molbuild.Credential", "molbuild.Engine", "molbuild.Setting", "molbuild.Error" }),
  }
  return made
end

return library
