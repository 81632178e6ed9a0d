--- Smoke test: an image gets its tag only after its program has started once. Until then the last good image is used.
---   molbuild run docs/examples/smoke.lua hermes openclaw
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

ensure.smoke = { argv = { "python3", "-c", "import agent" }, timeout = 60, memory = "512m" }
ensure.per_runtime.openclaw = { smoke = { argv = { "openclaw", "--version" } } } -- the other options are those above
ensure.per_runtime.codex = { smoke = false } -- its image is not run
ensure.fall_back = true

return ensure
