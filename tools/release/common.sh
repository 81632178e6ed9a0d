# shellcheck shell=bash
# What all parts of tools/release.sh share: where things are, messages, and the steps that are kept between runs.

# A file that is compiled in another place, by another user or in another language must have the same bytes.
export LC_ALL=C TZ=UTC
umask 022

say() { printf '  %-6s %s\n' "$1" "$2" >&2; }
warn() { echo "release: warning: $*" >&2; }
fail() {
	echo "release: $1" >&2
	[ -z "${2:-}" ] || echo "hint: $2" >&2
	exit 1
}

# The triple of GCC and binutils for an architecture of Debian.
triple_of() {
	case $1 in
	amd64) echo x86_64-linux-gnu ;;
	arm64) echo aarch64-linux-gnu ;;
	*) fail "no release for the architecture $1" "use amd64 or arm64" ;;
	esac
}

# digest TEXT...: twelve digits that name it.
digest() { printf '%s\n' "$@" | sha256sum | cut -c 1-12; }

# logged LOG COMMAND...: run a command whose output matters only when it fails.
logged() {
	local log=$1
	shift
	"$@" >"$log" 2>&1 </dev/null && return
	tail -n 30 "$log" >&2
	fail "this failed: $* (the whole output is in $log)"
}
