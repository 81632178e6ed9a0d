--- ensure.lua with image names of its own, for a bench on an engine that holds a user's images.
local ensure = require("molbuild").load "ensure.lua"
ensure.image_prefix = "molbuild-bench"
return ensure
