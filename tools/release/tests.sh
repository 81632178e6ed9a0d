# shellcheck shell=bash
# The unit tests of one architecture, compiled and linked as the program is. They need cmocka, which is in no release.

# cmocka.h defines uintptr_t itself, unless it recognizes the C library. It does not recognize musl.
HAS_UINTPTR_T=-D_UINTPTR_T

build_cmocka() { # ARCH SOURCE DESTINATION
	local flag flags=()
	for flag in HAVE_MALLOC_H HAVE_INTTYPES_H HAVE_SIGNAL_H HAVE_STRINGS_H HAVE_GCC_THREAD_LOCAL_STORAGE HAVE_CLOCK_REALTIME \
		HAVE_SIGLONGJMP HAVE_STRSIGNAL HAVE_STRUCT_TIMESPEC; do flags+=("-D$flag"); done
	install -d "$3/include" "$3/lib"
	install -m 644 "$2"/include/cmocka*.h "$3/include"
	"molbuild-$1-cc" -O2 "${flags[@]}" $HAS_UINTPTR_T -I"$2/include" -c "$2/src/cmocka.c"
	"molbuild-$1-ar" rcD "$3/lib/libcmocka.a" cmocka.o
}

# The programs core/test/test_*.c in $WORK/ARCH/tests/test.
build_tests() { # ARCH
	local arch=$1 cmocka=$WORK/$1/cmocka version
	read -r _ version _ < <(take_source cmocka)
	if [ ! -f "$cmocka/lib/libcmocka.a" ]; then
		mkdir -p "$WORK/$arch/build-cmocka"
		(cd "$WORK/$arch/build-cmocka" && PATH="$WORK/bin:$PATH" build_cmocka "$arch" "$WORK/sources/cmocka-$version" "$cmocka")
	fi
	# The Makefile adds to LDFLAGS of the environment, but not to one of the command line.
	LDFLAGS=-L$cmocka/lib make_for "$arch" "$WORK/$arch/tests" CFLAGS="-O2 -g $HAS_UINTPTR_T -I$cmocka/include" unit-tests
}
