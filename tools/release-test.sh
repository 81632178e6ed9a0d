#!/usr/bin/env bash
# The tests of a release (make release-test), with real parts; make release has made it. The last line is the count.
#
#   - spec/release: what the files are, in roots without a C library and in a fresh Debian; a second release in another directory
#   - the unit tests with musl, on this machine and for arm64 under qemu-user
#   - specs of the program that run the released file: here most of those that are about the network, files and children; for arm64 a
#     hit, a build and the command line
#
# RELEASE_OUT and RELEASE_WORK are those of tools/release.sh.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

export TREE=$PWD WORK OUT JOBS VERSION RELEASE_OUT RELEASE_WORK
OUT=$(realpath -m "${RELEASE_OUT:-build/release}")
WORK=$(realpath -m "${RELEASE_WORK:-build/release-work}")
RELEASE_OUT=$OUT RELEASE_WORK=$WORK
JOBS=$(getconf _NPROCESSORS_ONLN)
VERSION=$(cat VERSION)
for part in common sources toolchain libraries program tests; do
	# shellcheck source=/dev/null
	. "tools/release/$part.sh"
done

# As in tools/release.sh: a make above has other options.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

native=$(dpkg --print-architecture)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Unit tests that the emulator cannot run: it has no seccomp filters, no bound of the address space, and adds processes, files,
# threads and messages of its own to those of the program. Floods and long random texts are too slow in it.
NOT_EMULATED="denied descendants http lock_wait mask_stream process_end process_lines process_start restore_terminal spawn start start_filter \
	sys"

# Specs that run the released file of this machine, and of the other architecture.
NATIVE_SPECS="cli ensure fetch lookup network proxy retry stop token token_origin"
EMULATED_SPECS="ensure"

paths() { # NAME...
	printf 'spec/integration/%s_spec.lua ' "$@"
}

# run NAME COMMAND...: its output, and its count for the sum.
run() {
	echo "== $1"
	shift
	"$@" 2>&1 | tee -a "$log"
}

unit() { # ARCH
	local name
	(set -e; build_tests "$1" >&2) || { echo "0 passed, 1 failed" && return; }
	TEST_WRAPPER=
	if [ "$1" != "$native" ]; then
		TEST_WRAPPER=$(command -v "$(emulator_of "$1")")
		for name in $NOT_EMULATED; do rm -f "$WORK/$1/tests/test/test_$name"; done
	fi
	BUILD=$(realpath --relative-to=. "$WORK/$1/tests") TEST_PRESENT=1 TEST_WRAPPER=$TEST_WRAPPER tools/test.sh unit
}

emulator_of() {
	case $1 in
	amd64) echo qemu-x86_64-static ;;
	arm64) echo qemu-aarch64-static ;;
	esac
}

# A program that the specs can start: that of the other architecture in the emulator.
program_of() { # ARCH
	if [ "$1" = "$native" ]; then
		echo "$WORK/$1/program"
		return
	fi
	printf '#!/bin/sh\nexec %s %s/%s/program "$@"\n' "$(command -v "$(emulator_of "$1")")" "$WORK" "$1" >"$WORK/$1/emulated"
	chmod 755 "$WORK/$1/emulated"
	echo "$WORK/$1/emulated"
}

specs() { # ARCH NAME...
	local program
	program=$(program_of "$1")
	shift
	TEST_PROGRAM=$program INTEGRATION_SPECS=$(paths "$@") tools/test.sh integration
}

run "the files" env INTEGRATION_SPECS="$(echo spec/release/*_spec.lua)" TEST_LIMIT=3600 tools/test.sh integration
for arch in amd64 arm64; do
	run "unit tests: $arch" unit "$arch"
	chosen=$EMULATED_SPECS
	[ "$arch" != "$native" ] || chosen=$NATIVE_SPECS
	# shellcheck disable=SC2086 # a list
	run "specs: $arch" specs "$arch" $chosen
done

grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" |
	awk '{ passed += $1; failed += $3 } END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || NR != 5 }'
