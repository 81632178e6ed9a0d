--- ensure.lua for a service that runs its workspaces on its own machines: images of the engine's own platform, whose tags
--- always name the architecture, for the runtimes that such a service offers.
---   molbuild run ensure-native.lua claude-code
local ensure = molbuild.load "ensure.lua"

ensure.platform = "native"
ensure.tag_arch = "always"
ensure.runtimes = { "claude-code", "codex", "hermes", "openclaw" }

return ensure
