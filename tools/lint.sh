#!/bin/sh
# Static checks without a warning: clang-format and cppcheck on the C, luacheck on the Lua, shellcheck on the shell.
set -eu
cd "$(dirname "$0")/.."

# Another release of clang-format may lay out a line differently.
find core -name '*.[ch]' | LC_ALL=C sort | xargs clang-format --dry-run --Werror || {
	echo "lint: run make format. The layout is that of clang-format 14; this is $(clang-format --version)" >&2
	exit 1
}

# It loses sight of a pointer that goes into a list by a compound literal (mask.c).
# shellcheck disable=SC2086 # CPPFLAGS is a list
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability -j 2 \
	--suppress=missingIncludeSystem --suppress=memleak:core/lib/secret/mask.c \
	${CPPFLAGS:--D_GNU_SOURCE -Icore -Icore/lib} -DMOLBUILD_VERSION='""' core/lib core/bind core/main.c core/test core/bench core/fuzz
luacheck --quiet lua scripts docs/examples spec core/embed.lua core/fuzz
find . \( -path ./.git -o -path './build*' \) -prune -o -name '*.sh' -print | LC_ALL=C sort | xargs shellcheck .ci/run
echo "lint: no warnings"
