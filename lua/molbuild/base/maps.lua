--- Small functions of tables with named values.
local maps = {}

--- The names in a list, each as a key.
---@param list string[]?
---@return table<string, true>
function maps.set(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

--- A new table with the entries of several; later ones override earlier ones.
---@param ... table<string, any>?
---@return table<string, any>
function maps.merged(...)
  local all = {}
  for index = 1, select("#", ...) do
    for name, value in pairs((select(index, ...)) or {}) do all[name] = value end
  end
  return all
end

--- The names of a map, sorted.
---@param map table<string, any>?
---@return string[]
function maps.keys(map)
  local list = {}
  for name in pairs(map or {}) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- Whether two values are the same; tables when they have the same entries.
---@param a any
---@param b any
---@return boolean
function maps.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for name, value in pairs(a) do
    if b[name] ~= value then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

return maps
