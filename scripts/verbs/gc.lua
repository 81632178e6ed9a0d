--- `molbuild gc ensure.lua [options] [runtime...]`: removes images that nothing needs, and what builds of former runtimes left.
return {
  verb = function(ensure, args) return molbuild.gc.verb(ensure, args) end,
}
