#!/bin/sh
# Run what is asked for (unit, spec, integration, or the path of a spec), each file in a process of its own, and end with
# the counts: "N passed, N failed". A program that dies, one that hangs, a pending spec, and a file that tests nothing
# count as failed.
#
# BUILD is the build directory, LUA the interpreter; LUA_HOST, where set, the one that runs the specs (its
# whole path). TEST_JOBS is how
# many integration specs run side by side, each with an engine of its own.
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

# Specs that start an interpreter of their own, with the C module, must get that one, too.
if [ -n "${LUA_HOST:-}" ]; then
	mkdir "$out/bin"
	ln -s "$LUA_HOST" "$out/bin/lua5.4"
	PATH=$out/bin:$PATH
fi

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
	if [ "$not_ok" = 0 ] && [ "$2" = 0 ] && [ "$ok" != 0 ]; then
		echo "$1: $ok passed"
	else
		[ "$not_ok" != 0 ] || not_ok=1
		# At once: another file may be reporting at the same time.
		{
			echo "$1: $ok passed, $not_ok failed, status $2"
			grep -v -e '^1\.\.' -e '^ok [0-9]* - [^#]*$' "$out/tap"
			cat "$out/err"
		} >"$out/report"
		cat "$out/report"
	fi
	passed=$((passed + ok))
	failed=$((failed + not_ok))
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

# Longest first, as far as the size of a file tells. Each runs by this script again, which adds a line to the counts.
integration() {
	jobs=${TEST_JOBS:-2}
	# There is but one engine to share.
	[ "$(id -u)" = 0 ] && [ "$(uname -s)" = Linux ] || jobs=1
	: >"$out/counts"
	find spec/integration -name '*_spec.lua' -exec wc -c {} + | sed '/ total$/d' | sort -rn | awk '{ print $2 }' >"$out/files"
	COUNTS_FILE=$out/counts xargs -P "$jobs" -n 1 spec/support/with-engine.sh scripts/test.sh <"$out/files"
	lost=$(($(wc -l <"$out/files") - $(wc -l <"$out/counts")))
	[ "$lost" = 0 ] || echo "integration: $lost files were not run"
	passed=$((passed + $(awk '{ sum += $1 } END { print sum + 0 }' "$out/counts")))
	failed=$((failed + lost + $(awk '{ sum += $2 } END { print sum + 0 }' "$out/counts")))
}

for what in "$@"; do
	case $what in
	unit) unit ;;
	spec) specs spec/*_spec.lua ;;
	integration) integration ;;
	*_spec.lua) specs "$what" ;;
	*)
		echo "usage: scripts/test.sh [unit] [spec] [integration] [FILE_spec.lua]" >&2
		exit 2
		;;
	esac
done

if [ -n "${COUNTS_FILE:-}" ]; then
	echo "$passed $failed" >>"$COUNTS_FILE"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" = 0 ]
