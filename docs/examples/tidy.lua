--- A tidy machine: behind each build, images that nothing needs are removed, all but the two newest of each runtime.
---   molbuild run docs/examples/tidy.lua claude-code
---   molbuild gc docs/examples/tidy.lua --dry-run
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.gc = { keep = 2 } -- with when_free_below = "20GB" only while less is free

return ensure
