#!/usr/bin/env bash
# Build one library in the current directory: recipe.sh ARCH NAME DESTINATION. A process of its own, which ends at the first command
# that fails: a shell ignores failures in a function that is called in a condition.
set -euo pipefail
: "${TREE:?}" "${WORK:?}" "${JOBS:?}"
for part in common sources toolchain libraries; do
	# shellcheck source=/dev/null
	. "$TREE/tools/release/$part.sh"
done
# OpenSSL states when it was built: that is the date of its package, whatever is released.
source=$(source_of "$2")
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$source/debian/changelog" -S Timestamp)
export SOURCE_DATE_EPOCH PATH="$WORK/bin:$PATH" MAKEFLAGS="-j$JOBS"
set -x
"build_$2" "$1" "$source" "$3"
