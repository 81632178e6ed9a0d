--- For the tests of policies: `local world = molbuild.testing.world { ... }`. See docs/testing.md.
local testing = {}

--- A world of a test.
---@param options table?
---@return molbuild.testing.World
function testing.world(options)
  return require("molbuild.testing.world").new(options)
end

return testing
