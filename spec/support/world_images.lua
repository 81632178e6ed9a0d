--- The images of a test's world (molbuild.testing), for specs that look at all of them.
local world_images = {}

--- The names of all images, sorted.
---@param world molbuild.World
---@return string[]
function world_images.names(world)
  local list = {}
  for _, image in ipairs(world.engine.images) do table.move(image.tags, 1, #image.tags, #list + 1, list) end
  table.sort(list)
  return list
end

return world_images
