-- Compiles Lua modules into a C file: lua5.4 core/embed.lua ROOT FILE... > embedded.c
-- Debug information is kept, so that a traceback names the module's file and line.
local root = arg[1]
local modules = {}

for index = 2, #arg do
  local path = arg[index]
  local name = path:sub(#root + 2):gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")
  local file = assert(io.open(path, "rb"))
  local chunk = assert(load(file:read "a", "@" .. path))
  file:close()
  modules[#modules + 1] = { name = name, data = string.dump(chunk) }
end

table.sort(modules, function(a, b)
  return a.name < b.name
end)

io.write '#include "embedded.h"\n\n'
for index, module in ipairs(modules) do
  io.write(("static const unsigned char data_%d[] = {"):format(index))
  for at = 1, #module.data do
    io.write(at % 24 == 1 and "\n\t" or "", module.data:byte(at), ",")
  end
  io.write "\n};\n\n"
end
io.write "const struct embedded_module embedded_modules[] = {\n"
for index, module in ipairs(modules) do
  io.write(('\t{"%s", data_%d, sizeof data_%d},\n'):format(module.name, index, index))
end
io.write "};\n\nconst size_t embedded_module_count = sizeof embedded_modules / sizeof embedded_modules[0];\n"
