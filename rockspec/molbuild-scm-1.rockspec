rockspec_format = "3.0"
package = "molbuild"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Makes sure that container images exist, built from the commits of their templates: the library",
  detailed = [[
    The Lua library and its C module molbuild.core: tasks on one event loop, HTTP, processes, locks between processes,
    masking of secrets. The program and its policies are installed by `make install`.
  ]],
  homepage = "https://git.moleculesai.app/molecule-ai/molbuild",
  license = "MIT",
  maintainer = "the molbuild authors",
  labels = { "containers", "docker", "build" },
}
dependencies = {
  "lua ~> 5.4",
  "lua-cjson >= 2.1",
  "argparse >= 0.7",
}
-- libcurl and libcrypto are found by pkg-config, see the Makefile.
build = {
  type = "make",
  -- The Makefile alone has the names of the modules; a directory of its own keeps other builds as they are.
  build_target = "core.so",
  install_target = "install-rock",
  variables = {
    BUILD = "build-rock",
    LUA_INCDIR = "$(LUA_INCDIR)",
    LIBDIR = "$(LIBDIR)",
    LUADIR = "$(LUADIR)",
  },
}
