# shellcheck shell=bash
# The program of one architecture: the Makefile builds it with the compiler and the libraries of the release.

# The interpreter that compiles the library's modules: bytecode of the very version that is linked in.
host_lua() {
	local into files
	into=$WORK/host/lua-$(version_of lua5.4)
	if [ ! -x "$into/lua" ]; then
		mkdir -p "$into"
		echo '#define DEB_HOST_MULTIARCH ""' >"$into/lua5.4-deb-multiarch.h"
		mapfile -t files < <(find "$(source_of lua5.4)/src" -name '*.c' ! -name luac.c)
		logged "$into/log" cc -O2 -std=gnu99 -DLUA_USE_POSIX -I"$into" -o "$into/lua" "${files[@]}" -lm
	fi
	echo "$into/lua"
}

# $WORK/vendor: what becomes a part of the program beside the libraries, as the Makefile takes it.
lay_vendor() {
	local name
	rm -rf "$WORK/vendor"
	mkdir -p "$WORK/vendor/lua-cjson"
	for name in lua_cjson.c strbuf.c strbuf.h fpconv.c fpconv.h LICENSE; do
		cp -p "$(source_of lua-cjson)/$name" "$WORK/vendor/lua-cjson/"
	done
	cp -p "$(source_of lua-argparse)/usr/share/lua/5.1/argparse.lua" "$WORK/vendor/"
	cp -p "$(source_of lua-argparse)/usr/share/doc/lua-argparse/copyright" "$WORK/vendor/argparse.copyright"
}

# The Makefile's targets, with the compiler and the libraries of the release.
make_for() { # ARCH BUILD ARGUMENT...
	local arch=$1 build=$2 lua
	shift 2
	lua=$(host_lua)
	PATH="$WORK/bin:$PATH" make -s -C "$TREE" BUILD="$build" ALONE=1 VENDOR="$WORK/vendor" PREFIX= LUA="$lua" \
		CC="molbuild-$arch-cc" PKG_CONFIG="$(pkg_config_of "$arch") --static" "$@"
}

# $WORK/ARCH/molbuild/molbuild, with the symbols that a debugger needs; and stripped: $WORK/ARCH/program.
build_program() { # ARCH
	say MAKE "$1 molbuild $VERSION"
	make_for "$1" "$WORK/$1/molbuild" CFLAGS="-O2 -g" "$WORK/$1/molbuild/molbuild"
	"$WORK/bin/molbuild-$1-strip" -s -o "$WORK/$1/program" "$WORK/$1/molbuild/molbuild"
}
