#!/bin/sh
# No warnings: the compiler's, with optimisation on and off; cppcheck's on the C; luacheck's on the Lua.
set -eu
cd "$(dirname "$0")/.."
for flags in -O0 -O2; do
  make --no-print-directory BUILD=build-lint CFLAGS="$flags" all unit-programs >/dev/null
  rm -rf build-lint
done
cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability --inline-suppr --std=c11 -Icore \
  --suppress=missingIncludeSystem core/lib core/bind core/main.c
lua5.4 /usr/bin/luacheck --quiet lua scripts spec core/embed.lua
echo "lint: clean"
