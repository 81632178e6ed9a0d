--- `molbuild list ensure.lua [runtime...]`: images, trees, logs, records and repositories on this machine, and what uses them.
return {
  verb = function(ensure, args) return molbuild.inventory.verb(ensure, args) end,
}
