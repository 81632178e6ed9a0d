#!/bin/sh
# Run what is asked for (unit, spec, integration), each file in a process of its own, and end with the counts:
# "N passed, N failed". A program that dies, one that hangs, a pending spec, and a file that tests nothing count as failed.
#
# INTEGRATION_SPECS names the integration specs to run; all when it is not set.
# BUILD is the build directory, LUA the interpreter; LUA_HOST, where set, the one that runs the specs.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
LUA=${LUA:-lua5.4}
LIMIT=${TEST_LIMIT:-300} # seconds a file may take
passed=0
failed=0
# Whatever the tests put into temporary files goes with this directory.
out=$(mktemp -d "${TMPDIR:-/tmp}/molbuild-test.XXXXXX") || exit 1
mkdir "$out/tmp" "$out/home"
trap 'clean_up' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

clean_up() {
	# Servers that a spec which died has left behind.
	for conf in $(find "$out/tmp" -name nginx.conf 2>/dev/null); do
		spec/support/forge.sh stop "$(dirname "$conf")"
	done
	chmod -R u+rwX "$out"
	rm -rf "$out"
}

# The specs load the library from the tree, and the C module from the build. Nothing else of the caller's settings
# counts: tests must not reach for the caller's proxy, certificates, git configuration or runtimes.
keep="PATH=$PATH HOME=$out/home TMPDIR=$out/tmp LANG=C.UTF-8 BUILD=$BUILD LUA=$LUA MOLBUILD_BIN=$PWD/$BUILD/molbuild"
[ -z "${DOCKER_HOST:-}" ] || keep="$keep DOCKER_HOST=$DOCKER_HOST"
export UBSAN_OPTIONS=print_stacktrace=1
# A sanitizer's report must fail the test, whatever the status of the program means otherwise.
keep="$keep UBSAN_OPTIONS=$UBSAN_OPTIONS ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:exitcode=99}"

# A hanging program is ended. It stays in our group, so that Ctrl-C reaches it.
bounded() {
	if timeout --foreground 1 true 2>/dev/null; then timeout --foreground -k 10 "$LIMIT" "$@"; else "$@"; fi
}

# count NAME STATUS: from $out/tap, where the program's TAP is.
count() {
	ok=$(grep -v '# SKIP' "$out/tap" | grep -c '^ok ')
	not_ok=$(grep -c -e '^not ok ' -e '^ok .*# SKIP' "$out/tap")
	passed=$((passed + ok))
	failed=$((failed + not_ok))
	echo "$1: $ok passed, $not_ok failed"
	[ "$not_ok" = 0 ] && [ "$2" = 0 ] && [ "$ok" != 0 ] && return
	grep -v -e '^1\.\.' "$out/tap" | grep -v '^ok [0-9]* - [^#]*$'
	cat "$out/err"
	if [ "$not_ok" = 0 ]; then
		echo "$1: ended with status $2 after $ok tests"
		failed=$((failed + 1))
	fi
}

unit() {
	for source in core/test/test_*.c; do
		program=$BUILD/test/$(basename "$source" .c)
		[ -x "$program" ] || [ "$(uname -s)" != Darwin ] || continue
		# shellcheck disable=SC2086 # the settings are a list
		bounded env -i $keep CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$out/tap" 2>"$out/err" </dev/null
		count "$program" $?
	done
}

specs() {
	for file in "$@"; do
		# shellcheck disable=SC2086 # the settings are a list
		bounded env -i $keep LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;" LUA_CPATH="./$BUILD/lua/?.so;;" \
			"${LUA_HOST:-$LUA}" spec/support/busted.lua --output=TAP "$file" \
			>"$out/tap" 2>"$out/err" </dev/null
		count "$file" $?
	done
}

# The integration specs need an engine: this script runs again below it, and writes its counts to a file.
integration() {
	if [ -n "${COUNTS_FILE:-}" ]; then
		# shellcheck disable=SC2086 # a list
		specs ${INTEGRATION_SPECS:-spec/integration/*_spec.lua}
		return
	fi
	COUNTS_FILE=$out/counts spec/support/with-engine.sh "$0" integration
	if [ -s "$out/counts" ]; then
		read -r more_passed more_failed <"$out/counts"
		passed=$((passed + more_passed))
		failed=$((failed + more_failed))
	else
		echo "integration: not run"
		failed=$((failed + 1))
	fi
}

for what in "$@"; do
	case $what in
	unit) unit ;;
	spec) specs spec/*_spec.lua ;;
	integration) integration ;;
	*)
		echo "usage: scripts/test.sh [unit] [spec] [integration]" >&2
		exit 2
		;;
	esac
done

if [ -n "${COUNTS_FILE:-}" ]; then
	echo "$passed $failed" >"$COUNTS_FILE"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
