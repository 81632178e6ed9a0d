#!/bin/sh
# Every distinct docker client on PATH, one a line: PATH VERSION yes|no (whether it has buildx), separated by tabs.
set -u
home=$(mktemp -d "${TMPDIR:-/tmp}/clients.XXXXXX") || exit 1
trap 'rm -rf "$home"' EXIT

IFS=:
for directory in $PATH; do
	[ -x "$directory/docker" ] && [ ! -d "$directory/docker" ] || continue
	real=$(readlink -f "$directory/docker" 2>/dev/null || echo "$directory/docker")
	grep -qxF "$real" "$home/seen" 2>/dev/null && continue
	echo "$real" >>"$home/seen"
	version=$(env -i PATH="$PATH" HOME="$home" "$real" --version | sed -n 's/^[^0-9]*\([0-9][0-9.]*\).*/\1/p')
	if env -i PATH="$PATH" HOME="$home" "$real" buildx version >/dev/null 2>&1; then buildx=yes; else buildx=no; fi
	printf '%s\t%s\t%s\n' "$real" "$version" "$buildx"
done
