--- Which images are needed, and by what. Nothing is asked here: the images are those of images.lua.
local needed = {}

local function first_of(list)
  return #list == 1 and list[1] or ("%s and %d more"):format(list[1], #list - 1)
end

-- Seconds: a name that this cache did not give is left alone for so long.
local DAY = 86400

-- Another machine with the same engine may be verifying the image: what this cache has built has a place in its order.
local function is_of_others(image)
  local is_unverified = #(image.unverified or {}) > 0 and not image.tag and not image.latest
  return is_unverified and not image.place and os.time() - (image.created or 0) < DAY
end

--- What needs an image, however old it is; nil for an image that only the number of kept ones can save.
---@param image molbuild.OwnImage
---@return string? reason
function needed.by(image)
  if #image.containers > 0 then return "in use by " .. first_of(image.containers) end
  if image.latest then return "it is :" .. image.latest end
  if image.pinned then return "pinned" end
  if image.other then return "it is also called " .. image.other end
  if image.base_of then return "the base of " .. image.base_of end
  if is_of_others(image) then return "it may be verified elsewhere now" end
  return nil
end

---@class molbuild.KeepRules
---@field keep integer  how many of the newest images of each runtime stay
---@field older_than integer?  seconds: younger images stay
---@field now integer  seconds since 1970
---@field runtimes table<string, true>?  only images of these go; those of all when absent

local function is_old(image, rules)
  return not rules.older_than or image.created ~= nil and rules.now - image.created > rules.older_than
end

--- The images that nothing needs: the oldest first, before them those without a name. An image of unknown age is young.
---@param images molbuild.OwnImage[]  the newest first
---@param rules molbuild.KeepRules
---@return molbuild.OwnImage[]
function needed.not_by_anything(images, rules)
  local seen, unnamed, named = {}, {}, {}
  for _, image in ipairs(images) do
    -- An image that a user has built from ours has our label, too. It does not count.
    local has_name = image.tag ~= nil or image.latest ~= nil
    local rank = (seen[image.runtime] or 0) + (has_name and 1 or 0)
    seen[image.runtime] = rank
    local is_asked = not rules.runtimes or rules.runtimes[image.runtime]
    if is_asked and not needed.by(image) and is_old(image, rules) and (not has_name or rank > rules.keep) then
      table.insert(has_name and named or unnamed, 1, image)
    end
  end
  return table.move(named, 1, #named, #unnamed + 1, unnamed)
end

return needed
