--- `molbuild pin ensure.lua [--file=FILE] [runtime...]`: write the commits of now into a file, and print what has changed since.
return {
  verb = function(policy, args)
    local given, words = molbuild.arguments.parse(args, policy.arguments().pin, "--all")
    return molbuild.pins.update(policy, words, given.file)
  end,
}
