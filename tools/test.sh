#!/bin/sh
# Run the named tests (unit, spec, integration) and end with the counts: "N passed, N failed". Files run side by side, each with
# its own process, home and directory for temporary files. A program that dies, one that hangs, a pending spec, and a
# file that tests nothing count as failed.
#
#   INTEGRATION_SPECS   the integration specs to run; all when it is not set
#   TEST_JOBS           how many files run at the same time; most of them wait most of the time
#   TEST_LIMIT          seconds that a file may take
#   GC_WORLDS, GC_SEED  how many random worlds the specs of gc make, and from which seed
#   BUILD, LUA          the build directory and the interpreter; LUA_HOST, where set, is the interpreter for the specs
#   TEST_PROGRAM        the program that the specs run, by its whole path; that of the build directory when it is not set
#   TEST_WRAPPER        a program that runs the unit tests, such as an emulator; TEST_PRESENT=1: only those that are built
#   RELEASE_OUT, RELEASE_WORK   for the specs of a release, see tools/release.sh
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
LUA=${LUA:-lua5.4}
JOBS=${TEST_JOBS:-8}
LIMIT=${TEST_LIMIT:-900}
TEST_WRAPPER=${TEST_WRAPPER:-}

# These start first: the file that ends last must not be one that started late.
LONGEST="kill_spec.lua stop_spec.lua shared_spec.lua fetch_spec.lua ensure_spec.lua remote_spec.lua gc_spec.lua \
	quiet_spec.lua podman_spec.lua labels_spec.lua template_spec.lua live_spec.lua freshness_spec.lua demands_spec.lua \
	bound_spec.lua docker_spec.lua token_spec.lua inputs_spec.lua bases_spec.lua docker_endpoint_spec.lua \
	watch_spec.lua verify_spec.lua network_spec.lua doctor_spec.lua token_origin_spec.lua names_spec.lua \
	lookup_spec.lua build_files_spec.lua choices_spec.lua build_failure_spec.lua retry_spec.lua side_by_side_spec.lua \
	hit_spec.lua"

# Only root can start engines. Otherwise all integration specs share one engine, and take turns.
own_engines() {
	[ "$(id -u)" = 0 ] && [ "$(uname -s)" = Linux ]
}

# --- One file --------------------------------------------------------------------------------------------------------
#
# xargs starts this script for each file: tools/test.sh --file RUN NUMBER FILE. RUN is the directory of the whole run,
# RUN/NUMBER the one for the file's temporary files; RUN/NUMBER.tap, .err and, at the end, .status have its result.

# Name an engine that no other file uses at this time. It stays for the files that come later.
take_engine() {
	number=1
	until mkdir "$run/engine$number.taken" 2>/dev/null; do number=$((number + 1)); done
	taken=$run/engine$number.taken
	mkdir -p "$run/engine$number"
	spec/support/engine.sh start "$run/engine$number" || return 1
	DOCKER_HOST=unix://$run/engine$number/docker.sock
}

# The tests get only these of the caller's settings: they must not use the caller's proxy, certificates, git configuration
# or runtimes. A sanitizer's report must fail the test, whatever the status of the program means otherwise.
# A program that hangs is ended. It stays in our process group, so that Ctrl-C reaches it.
# docker and podman live so shortly that to collect garbage takes a fifth of their time.
# The leak checker guesses the memory of a thread's dynamic variables from its address, and crashes where the guess is wrong.
LEAKS=detect_leaks=1:exitcode=99:intercept_tls_get_addr=0
with_settings() {
	env -i GOGC=off GOMEMLIMIT=200MiB PATH="$PATH" HOME="$dir.home" TMPDIR="$dir" LANG=C.UTF-8 BUILD="$BUILD" LUA="$LUA" \
		MOLBUILD_BIN="${TEST_PROGRAM:-$PWD/$BUILD/molbuild}" ${RELEASE_OUT:+"RELEASE_OUT=$RELEASE_OUT"} \
		${RELEASE_WORK:+"RELEASE_WORK=$RELEASE_WORK"} ${DOCKER_HOST:+"DOCKER_HOST=$DOCKER_HOST"} \
		${GC_WORLDS:+"GC_WORLDS=$GC_WORLDS"} ${GC_SEED:+"GC_SEED=$GC_SEED"} \
		TEST_SHARED="$run/shared" UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS="${ASAN_OPTIONS:-$LEAKS}" \
		"$@"
}

run_file() {
	bounded=
	if timeout --foreground 1 true 2>/dev/null; then bounded="timeout --foreground -k 10 $LIMIT"; fi
	case $1 in
	spec/*)
		# The library is loaded from the tree, and the C module from the build.
		# shellcheck disable=SC2086 # words, or none
		with_settings LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;" LUA_CPATH="./$BUILD/lua/?.so;;" \
			$bounded "${LUA_HOST:-$LUA}" spec/support/busted.lua --output=TAP "$1"
		;;
	*)
		# shellcheck disable=SC2086 # words, or none
		with_settings CMOCKA_MESSAGE_OUTPUT=TAP $bounded $TEST_WRAPPER "$1"
		;;
	esac
}

file() {
	run=$1 dir=$1/$2 taken=
	mkdir "$dir" "$dir.home"
	start=$(date +%s)
	case $3 in
	spec/integration/* | spec/release/*) ! own_engines || take_engine ;;
	esac 2>"$dir.err" && run_file "$3" >"$dir.tap" 2>"$dir.err" </dev/null
	status=$?
	# Its last line is the user and the system time of the children. In a pipe it would be those of another shell's.
	times >"$dir.times"
	cpu=$(awk 'END { gsub(/[ms]/, " "); printf "%.1f", $1 * 60 + $2 + $3 * 60 + $4 }' "$dir.times")
	echo "$status $(($(date +%s) - start)) $cpu" >"$dir.status"
	[ -z "$taken" ] || rmdir "$taken"
	echo "$2 $3"
}

# --- All files -------------------------------------------------------------------------------------------------------

# The files for WHAT, one per line.
list() {
	case $1 in
	unit)
		for source in core/test/test_*.c; do
			program=$BUILD/test/$(basename "$source" .c)
			[ ! -x "$program" ] && { [ "$(uname -s)" = Darwin ] || [ -n "${TEST_PRESENT:-}" ]; } || echo "$program"
		done
		;;
	spec) printf '%s\n' spec/*_spec.lua ;;
	integration)
		# shellcheck disable=SC2086 # a list
		printf '%s\n' ${INTEGRATION_SPECS:-spec/integration/*_spec.lua}
		;;
	esac
}

longest_first() {
	awk -v longest="$LONGEST" '
		BEGIN { count = split(longest, names, " "); for (i in names) rank[names[i]] = i }
		{ name = $0; sub(/.*\//, "", name); print /integration/ && name in rank ? rank[name] : count + 1, $0 }
	' | sort -n -s -k 1,1 | cut -d ' ' -f 2
}

# queue JOBS [COMMAND...]: run the files that stdin names, JOBS at the same time, below COMMAND; report each when it is done.
queue() {
	jobs=$1
	shift
	longest_first | awk -v from="$numbered" '{ print from + NR, $0 }' >"$out/queue"
	"$@" xargs -n 2 -P "$jobs" "$0" --file "$out" <"$out/queue" | while read -r number name; do
		report "$number" "$name"
	done
	# A file that is not reported was not run.
	while read -r number name; do
		[ -f "$out/$number.status" ] || report "$number" "$name"
	done <"$out/queue"
	numbered=$((numbered + $(wc -l <"$out/queue")))
}

# Print the result of a file, with its whole output after a failure, and add it to the counts.
report() {
	dir=$out/$1
	if ! read -r status seconds cpu 2>/dev/null <"$dir.status"; then
		echo "$2: not run"
		echo "0 1" >>"$out/counts"
		return
	fi
	ok=$(grep -av '# SKIP' "$dir.tap" | grep -ac '^ok ')
	not_ok=$(grep -ac -e '^not ok ' -e '^ok .*# SKIP' "$dir.tap")
	echo "$2: $ok passed, $not_ok failed ($seconds s, CPU $cpu s)"
	if [ "$not_ok" != 0 ] || [ "$status" != 0 ] || [ "$ok" = 0 ]; then
		grep -av -e '^1\.\.' "$dir.tap" | grep -av '^ok [0-9]* - [^#]*$'
		cat "$dir.err"
		if [ "$not_ok" = 0 ]; then
			echo "$2: ended with status $status after $ok tests"
			not_ok=1
		fi
	fi
	echo "$ok $not_ok" >>"$out/counts"
}

clean_up() {
	for engine in "$out"/engine*/docker.sock; do
		[ ! -e "$engine" ] || spec/support/engine.sh stop "$(dirname "$engine")" &
	done
	# Stop servers of a spec that died.
	find "$out"/[0-9]* -name nginx.conf 2>/dev/null | while read -r conf; do
		spec/support/forge.sh stop "$(dirname "$conf")"
	done
	wait
	chmod -R u+rwX "$out"
	rm -rf "$out"
}

if [ "${1:-}" = --file ]; then
	shift
	file "$@"
	exit
fi

# The tests' temporary files are removed with this directory.
out=$(mktemp -d "${TMPDIR:-/tmp}/molbuild-test.XXXXXX") || exit 1
trap 'clean_up' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$out/counts"
spec/support/shared.sh "$out/shared" || exit 1
numbered=0

own='' shared=''
for what in "$@"; do
	case $what in
	unit | spec) own="$own $what" ;;
	integration) if own_engines; then own="$own $what"; else shared=$what; fi ;;
	*)
		echo "usage: tools/test.sh [unit] [spec] [integration]" >&2
		exit 2
		;;
	esac
done
[ -z "$own" ] || queue "$JOBS" <<END
$(for what in $own; do list "$what"; done)
END
[ -z "$shared" ] || queue 1 spec/support/with-engine.sh <<END
$(list "$shared")
END

awk '{ passed += $1; failed += $2 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 }' "$out/counts"
