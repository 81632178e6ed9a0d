--- The rooms of core/lib and lua/molbuild: which there are, which others each may use, and what really uses what. An arrow is an
--- `#include`, a name that one object takes from another, or a module's name in a file of Lua, at any place in it.
local rooms = {}

--- For each room its line of the map, and the rooms that it may use. A room is below those that use it.
rooms.C = {
  { "base", "errors, buffers, small blocks of memory, clocks, file descriptors, the start of the program", {} },
  { "loop", "the event loop, timers, signals, what is written to stdout and stderr", { "base" } },
  { "text", "lines, widths, control sequences", { "base" } },
  { "file", "files, trees, logs, digests", { "base" } },
  { "secret", "the masking of secrets", { "base", "text" } },
  { "lock", "locks between processes", { "base", "loop", "text" } },
  { "net", "HTTP, addresses", { "base", "loop", "file", "secret" } },
  { "child", "child processes, their output and their end", { "base", "loop", "text", "file", "secret" } },
}
rooms.LUA = {
  { "base", "errors, texts, names, settings, tasks, events, retries, children", {} },
  { "forge", "origins, the network, a forge's API, its token", { "base" } },
  { "progress", "how a run is shown", { "base" } },
  { "policy", "what a policy sees, and what is wrong with one", { "base" } },
  { "repository", "git, the kept repository, the cache, the template", { "base", "forge" } },
  { "engine", "the container engine: its API, its program, images, builds", { "base", "forge" } },
  { "machine", "what is on this machine, and why: records, plans, inventories, pins",
    { "base", "forge", "progress", "repository", "engine" } },
  { "testing", "tests of policies: their words, and a world of fakes for them", { "base", "progress", "policy" } },
  { "top", "the command line, a run, the library as policies see it",
    { "base", "forge", "progress", "policy", "repository", "engine", "machine", "testing" } },
}

--- The files of lua/molbuild that are in no directory: the room "top".
rooms.TOP = {
  "check", "cli", "completion", "completion_text", "detached", "eject", "eval", "help", "init", "options", "results", "run",
  "script", "settings_show", "trace",
}

local function row(list, name)
  for _, room in ipairs(list) do
    if room[1] == name then return room end
  end
end

--- The room that a file is in; nil for one that is in none.
---@param list table  rooms.C or rooms.LUA
---@param path string  "core/lib/net/url.c", "lua/molbuild/forge/token.lua"
---@return string?
function rooms.of(list, path)
  local name = path:match "^core/lib/([^/]+)/[^/]+%.[ch]$" or path:match "^lua/molbuild/([^/]+)/[^/]+%.lua$"
  local top = path:match "^lua/molbuild/([^/]+)%.lua$"
  for _, file in ipairs(top and rooms.TOP or {}) do
    name = name or file == top and "top"
  end
  return name and row(list, name) and name or nil
end

--- A line of Lua without its comment. An option's name in a string ("--all") is no comment: two dashes and a space, or a line
--- that begins with them, are.
---@param line string
---@return string
function rooms.without_comment(line)
  return (line:gsub("^%s*%-%-.*$", ""):gsub("%s%-%- .*$", ""))
end

-- Arrows ------------------------------------------------------------------------------------------------------------

--- The arrows of the files of C: { from, to, line, number }, all paths. A file of core/lib is named with its room.
---@param files table<string, string>  text by path, comments taken out
function rooms.includes(files)
  local arrows = {}
  for path, text in pairs(files) do
    local number = 0
    for line in (text .. "\n"):gmatch "(.-)\n" do
      number = number + 1
      local header = line:match '^%s*#%s*include%s*["<]([^">]+)[">]'
      local beside = header and path:match "^.*/" .. header
      local to = header and (files["core/lib/" .. header] and "core/lib/" .. header or files[beside] and beside)
      if to then arrows[#arrows + 1] = { from = path, to = to, number = number, bare = not header:find "/" or nil } end
    end
  end
  return arrows
end

--- The arrows of objects: which takes a function or a variable from which.
---@param objects table<string, string>  by the path of the source: what nm prints of its object
function rooms.symbols(objects)
  local defined, arrows, seen = {}, {}, {}
  for path, text in pairs(objects) do
    for name in text:gmatch "%x+ [TDBRC] ([%w_]+)" do defined[name] = path end
  end
  for path, text in pairs(objects) do
    for name in text:gmatch "%f[%w]U ([%w_]+)" do
      local to = defined[name]
      if to and to ~= path and not seen[path .. to] then
        seen[path .. to] = true
        arrows[#arrows + 1] = { from = path, to = to, name = name }
      end
    end
  end
  return arrows
end

local function strings_of(line)
  local list = {}
  for _, pattern in ipairs { '"([^"]*)"', "'([^']*)'", "%[%[([^%]]*)%]%]" } do
    for text in line:gmatch(pattern) do list[#list + 1] = text end
  end
  return list
end

--- The arrows of the files of Lua. A module's name is an arrow at any place: in a `require` at the top or within a
--- function, or in a table. A name that is put together from parts (`computed`) shows no arrow, and is a fault.
---@param files table<string, string>  text by path, comments taken out
function rooms.requires(files)
  local arrows = {}
  for path, text in pairs(files) do
    local number = 0
    for line in (text .. "\n"):gmatch "(.-)\n" do
      number = number + 1
      for _, word in ipairs(strings_of(line)) do
        local place = (word ~= "molbuild" or line:find "require") and word:gsub("%.", "/") or ""
        local to = files["lua/" .. place .. ".lua"] and "lua/" .. place .. ".lua"
          or files["lua/" .. place .. "/init.lua"] and "lua/" .. place .. "/init.lua" or nil
        local computed = place:find "^molbuild/[%l_/]*/$" or place:find "^molbuild/%S*%%%a%S*$" or place == "molbuild/" or nil
        if to and to ~= path or computed then
          arrows[#arrows + 1] = { from = path, to = to or word, number = number, computed = computed and true }
        end
      end
    end
  end
  return arrows
end

-- What is wrong -----------------------------------------------------------------------------------------------------

--- The circles of a graph: the nodes of each, sorted and joined by spaces (Tarjan's strongly connected components).
---@param arrows { from: string, to: string }[]
---@return string[]
function rooms.circles(arrows)
  local nexts, index, low, stack, on, found, count = {}, {}, {}, {}, {}, {}, 0
  for _, arrow in ipairs(arrows) do
    nexts[arrow.from] = nexts[arrow.from] or {}
    table.insert(nexts[arrow.from], arrow.to)
  end
  local function visit(node)
    count = count + 1
    index[node], low[node], on[node] = count, count, true
    stack[#stack + 1] = node
    for _, to in ipairs(nexts[node] or {}) do
      if not index[to] then visit(to) end
      low[node] = on[to] and math.min(low[node], low[to]) or low[node]
    end
    if low[node] == index[node] then
      local circle = {}
      repeat
        circle[#circle + 1] = table.remove(stack)
        on[circle[#circle]] = nil
      until circle[#circle] == node
      table.sort(circle)
      if #circle > 1 then found[#found + 1] = table.concat(circle, " ") end
    end
  end
  for node in pairs(nexts) do
    if not index[node] then visit(node) end
  end
  table.sort(found)
  return found
end

local function place_of(arrow)
  return arrow.number and ("%s:%d"):format(arrow.from, arrow.number) or arrow.from
end

local function fault(list, arrow)
  local from, to = rooms.of(list, arrow.from), rooms.of(list, arrow.to)
  if arrow.computed then
    return ('%s: a module\'s name must be written whole, not as "%s" and more'):format(place_of(arrow), arrow.to)
  elseif arrow.bare and from then
    return ("%s: includes %s without its room"):format(place_of(arrow), arrow.to:match "[^/]*$")
  elseif not from or not to or from == to then
    return nil
  end
  for _, name in ipairs(row(list, from)[3]) do
    if name == to then return nil end
  end
  return ("%s: %s must not use %s%s"):format(place_of(arrow), from, to, arrow.name and " (" .. arrow.name .. ")" or "")
end

--- All that is wrong with some files and their arrows, one line each: files in no room, arrows that no room has, circles of
--- files and of rooms.
---@param list table  rooms.C or rooms.LUA
---@param files table<string, string>
---@param arrows table[]
---@return string[]
function rooms.faults(list, files, arrows)
  local found, between = {}, {}
  for path in pairs(files) do
    if not rooms.of(list, path) then found[#found + 1] = path .. ": is in no room of spec/support/rooms.lua" end
  end
  for _, arrow in ipairs(arrows) do
    local from, to = rooms.of(list, arrow.from), rooms.of(list, arrow.to)
    found[#found + 1] = fault(list, arrow)
    if from and to and from ~= to then between[#between + 1] = { from = from, to = to } end
  end
  for _, circle in ipairs(rooms.circles(arrows)) do found[#found + 1] = "a circle of files: " .. circle end
  for _, circle in ipairs(rooms.circles(between)) do found[#found + 1] = "a circle of rooms: " .. circle end
  table.sort(found)
  return found
end

-- The map -----------------------------------------------------------------------------------------------------------

local function map_of(list, above)
  local lines = { ("| %s | what | uses |"):format(above), "| --- | --- | --- |" }
  for index = #list, 1, -1 do
    local name, what, uses = table.unpack(list[index], 1, 3)
    lines[#lines + 1] = ("| `%s` | %s | %s |"):format(name, what, #uses > 0 and table.concat(uses, ", ") or "no other room")
  end
  return lines
end

--- The rooms as lines of docs/architecture.md, the upper ones first.
---@return string[]
function rooms.map()
  local lines = map_of(rooms.LUA, "`lua/molbuild`")
  lines[#lines + 1] = ""
  return table.move(map_of(rooms.C, "`core/lib`"), 1, #rooms.C + 2, #lines + 1, lines)
end

return rooms
