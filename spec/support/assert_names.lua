--- Assert that the names of IS are those of WANTED. A failure lists the names that PLACE lacks, and those that it alone has.
---@param wanted table<string, any>
---@param is table<string, any>
---@param place string
return function(wanted, is, place)
  local list = {}
  for name in pairs(wanted) do
    if is[name] == nil then list[#list + 1] = ("%s is missing in %s"):format(name, place) end
  end
  for name in pairs(is) do
    if wanted[name] == nil then list[#list + 1] = ("%s is in %s alone"):format(name, place) end
  end
  table.sort(list)
  assert(#list == 0, table.concat(list, "\n"))
end
