--- The library once more, on other primitives. Its modules run as they are: what is exchanged is the `molbuild.core` that they
--- require. Each instance has a state of its own, as each process has.
local library = {
  --- The module through which the library is used, and the program is started.
  ROOT = "molbuild",
}

--- The main chunks of the library's modules, by name: found and compiled once, run for each instance.
local chunks = {}

--- Modules of which there is one: they are about the instances.
local function is_shared(name)
  return name:find "^molbuild%.testing%f[%.%z]" ~= nil
end

local function is_own(name)
  return (name == library.ROOT or name:find "^molbuild%." ~= nil) and not is_shared(name)
end

local function find(name)
  local looked = {}
  for _, searcher in ipairs(package.searchers) do
    local loader, extra = searcher(name)
    if type(loader) == "function" then
      return { loader = loader, extra = extra }
    end
    looked[#looked + 1] = loader
  end
  error(("module '%s' not found:%s"):format(name, table.concat(looked, "\n\t")), 0)
end

--- Run a module's main chunk with ENV as its globals. A chunk's first upvalue is its globals; the functions that an earlier
--- run of the chunk made keep theirs.
local function run_chunk(name, env)
  local chunk = chunks[name] or find(name)
  chunks[name] = chunk
  local function holder() return env end
  debug.upvaluejoin(chunk.loader, 1, holder, 1)
  local module = chunk.loader(name, chunk.extra)
  return module == nil or module
end

--- An instance of the library.
---@param core table  its molbuild.core
---@param globals table<string, any>  what its modules, and the policies that it loads, find among Lua's globals instead
---@return fun(name: string): any require  gives its modules; those of others as `require` does
function library.new(core, globals)
  local loaded = { ["molbuild.core"] = core }
  local env = {}
  for _, source in ipairs { _G, globals } do
    for name, value in pairs(source) do
      env[name] = value
    end
  end
  env._G = env
  function env.require(name)
    local module = loaded[name]
    if module == nil and is_own(name) then
      module = run_chunk(name, env)
      loaded[name] = module
    end
    return module == nil and require(name) or module
  end
  return env.require
end

return library
