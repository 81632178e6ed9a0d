--- The options of each verb of ensure.lua, which follow the script: name, what the value is called, meaning. Loaded when an
--- option is given, for help, and for completion.
local arguments = {
  run = {
    { "--rebuild", nil, "build although the image is there" },
    { "--allow-detached", nil, "build a commit that is given or pinned also when it is not on the branch" },
  },
  pin = {
    { "--file", "FILE", "the file, molbuild.pins.json when absent" },
  },
  doctor = {},
}
arguments.plan = arguments.run -- of a run with the same options

return arguments
