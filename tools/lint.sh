#!/bin/sh
# Static checks without a warning: clang-format and cppcheck on the C, luacheck on the Lua, shellcheck on the shell.
#
#   lint.sh             all files
#   lint.sh --changed   those that differ from where this branch left the main one, and those that git does not know yet; all
#                       where there is no git. A C file that includes a changed header is not among them.
set -eu
cd "$(dirname "$0")/.."

all() {
	find . \( -path ./.git -o -path './build*' \) -prune -o -type f -print | sed 's,^\./,,'
}

changed() {
	for main in origin/HEAD origin/main main HEAD; do
		base=$(git merge-base HEAD "$main" 2>/dev/null) && break
	done
	[ -n "$base" ] || { all; return; }
	git diff --name-only --diff-filter=d "$base"
	git ls-files --others --exclude-standard
}

files=$(if [ "${1:-}" = --changed ]; then changed; else all; fi | LC_ALL=C sort -u)

# with PATTERN COMMAND...: run the command on the files whose names match the pattern, if there are any.
with() {
	pattern=$1
	shift
	chosen=$(echo "$files" | grep -E "$pattern" || :)
	[ -z "$chosen" ] || echo "$chosen" | xargs "$@"
}

# Another release of clang-format may lay out a line differently.
with '^core/.*\.[ch]$' clang-format --dry-run --Werror || {
	echo "lint: run make format. The layout is that of clang-format 14; this is $(clang-format --version)" >&2
	exit 1
}

# It loses sight of a pointer that goes into a list by a compound literal (mask.c).
# shellcheck disable=SC2086 # CPPFLAGS is a list
with '^core/.*\.c$' cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability -j 2 \
	--suppress=missingIncludeSystem --suppress=memleak:core/lib/secret/mask.c \
	${CPPFLAGS:--D_GNU_SOURCE -Icore -Icore/lib} -DMOLBUILD_VERSION='""'
with '^(lua|scripts|docs/examples|spec|core)/.*\.lua$' luacheck --quiet
with '(\.sh|^\.ci/run)$' shellcheck
echo "lint: no warnings"
