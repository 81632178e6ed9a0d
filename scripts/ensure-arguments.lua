--- The options of each verb of ensure.lua, which follow the script: name, what the value is called, meaning. Loaded when an
--- option is given, for help, and for completion.
local arguments = {
  run = {
    { "--rebuild", nil, "build although the image is there" },
    { "--no-cache", nil, "build, without the layers of former builds" },
    { "--pull", nil, "build, and fetch the base images again" },
    { "--branch", "B", "build this branch; :latest moves for the policy's own alone" },
    { "--commit", "SHA", "build this commit of the branch (one runtime); :latest stays" },
    { "--allow-detached", nil, "build a commit that is given or pinned also when it is not on the branch" },
    { "--attested", nil, "use only an image whose record is signed, and is that of this very image" },
    { "--dir", "PATH", "build this directory as it is (one runtime); :latest stays" },
  },
  pin = {
    { "--file", "FILE", "the file, molbuild.pins.json when absent" },
  },
  doctor = {},
}
-- Of a run with the same options, and more.
arguments.plan = table.move(arguments.run, 1, #arguments.run, 1, {})
table.insert(arguments.plan, { "--check-base", nil, "ask the registries whether the base images have moved" })

arguments.attest = {
  { "--commit", "SHA", "the image of this commit, instead of the one that :latest names (one runtime)" },
  { "--dir", "PATH", "the image of this directory as it is (one runtime)" },
}

arguments.watch = {
  { "--every", "TIME", "the time between two looks at a runtime, such as 90s; 5m when not given" },
  { "--metrics", "FILE", "write OpenMetrics text to this file, for node_exporter's textfile collector" },
  { "--gc", nil, "remove behind each build what nothing needs any more, by the rules of gc" },
}

arguments.list = {}
arguments.gc = {
  { "--keep", "N", "keep the N newest images of each runtime; 2 when not given" },
  { "--older-than", "AGE", "remove only images that are older, such as 30d or 12h" },
  { "--free", "SIZE", "remove the oldest images first, until so much is free where the engine keeps them, such as 20GB" },
  { "--build-cache", "SIZE", "prune the engine's build cache to this size, too" },
  { "--dry-run", nil, "only say what would be removed" },
}

return arguments
