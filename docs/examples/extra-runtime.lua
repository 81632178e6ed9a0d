--- A fork that knows one more runtime, built from its own branch. No step is changed.
---   molbuild run docs/examples/extra-runtime.lua my-agent
local molbuild = require "molbuild"
local ensure = molbuild.load "ensure.lua"

table.insert(ensure.runtimes, "my-agent")
ensure.per_runtime["my-agent"] = { branch = "next" }

return ensure
