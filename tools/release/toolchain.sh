# shellcheck shell=bash
# A compiler for static programs with musl, one for each architecture: GCC of the distribution, and a script before it that adds
# where musl is and the flags of a hardened program. What is compiled does not see these flags or paths, and cannot embed them.
#
# What Debian's hardening has and this has not: _FORTIFY_SOURCE, which is a part of glibc that musl lacks.

HARDENING="-fstack-protector-strong -fstack-clash-protection -Wformat -Werror=format-security"

hardening_of() {
	case $1 in
	amd64) echo "$HARDENING -fcf-protection" ;;
	arm64) echo "$HARDENING -mbranch-protection=standard" ;;
	esac
}

# The first part of the compiler's version, which is in the names of its packages.
compiler_major() { # ARCH
	"$(triple_of "$1")-gcc" -dumpversion | cut -d. -f1
}

# The package of what a program gets from the compiler: libgcc and the start files around it.
compiler_package() { # ARCH
	local package
	package=libgcc-$(compiler_major "$1")-dev
	[ "$1" = "$(dpkg --print-architecture)" ] || package=$package-$1-cross
	echo "$package"
}

# GCC reads from it where headers, the start files and the library are. rcrt1.o is the start of a static program that relocates
# itself (static-pie).
specs_of() { # ROOT
	cat <<SPECS
%rename cpp_options old_cpp_options

*cpp_options:
-nostdinc -isystem $1/usr/include -isystem include%s %(old_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -isystem $1/usr/include -isystem include%s

*link_libgcc:
-L$1/usr/lib -L .%s

*libgcc:
libgcc.a%s %:if-exists(libgcc_eh.a%s)

*startfile:
$1/usr/lib/rcrt1.o $1/usr/lib/crti.o crtbeginS.o%s

*endfile:
crtendS.o%s $1/usr/lib/crtn.o

*link:
-nostdlib -static --no-dynamic-linker -z relro -z now -z noexecstack -z text --gc-sections --build-id=none

*esp_link:


*esp_options:


*esp_cpp_options:


SPECS
}

# The compiler's script, bin/molbuild-ARCH-cc. Where the tree and the work are is not seen in what it compiles; the last of two
# mappings that fit is used.
write_compiler() { # ARCH
	local arch=$1 compiler=$WORK/bin/molbuild-$1-cc tool
	mkdir -p "$WORK/bin" "$WORK/$arch"
	command -v "$(triple_of "$arch")-gcc" >/dev/null || fail "no $(triple_of "$arch")-gcc" "run tools/bootstrap.sh --for=release"
	specs_of "$WORK/$arch/root" >"$WORK/$arch/specs"
	cat >"$compiler" <<-SCRIPT
		#!/bin/sh
		exec $(triple_of "$arch")-gcc -specs="$WORK/$arch/specs" $(hardening_of "$arch") \\
			-ffunction-sections -fdata-sections -ffile-prefix-map="$TREE"=/molbuild -ffile-prefix-map="$WORK"=/release "\$@"
	SCRIPT
	chmod 755 "$compiler"
	for tool in ar ranlib strip nm objcopy; do
		ln -sf "$(command -v "$(triple_of "$arch")-$tool")" "$WORK/bin/molbuild-$arch-$tool"
	done
}

# musl itself is compiled without the script: it brings what the script points at. The kernel's headers are those of the
# distribution; the C core uses some of them. Its newer allocator, mallocng, gives each unused page back immediately: a start of OpenSSL
# makes it map and unmap a page more than a hundred times. The older one keeps what it has, as that of glibc does.
build_musl() { # ARCH SOURCE DESTINATION
	local arch=$1 triple headers
	triple=$(triple_of "$arch")
	"$2/configure" --prefix=/usr --host="$triple" --disable-shared --disable-wrapper --with-malloc=oldmalloc \
		CC="$triple-gcc" AR="$triple-ar" \
		RANLIB="$triple-ranlib" CFLAGS="-O2 $(hardening_of "$arch") -ffile-prefix-map=$2=/musl -ffile-prefix-map=$PWD=/musl"
	make
	make DESTDIR="$3" install
	headers=/usr/$triple/include
	[ -d "$headers/linux" ] || headers=/usr/include
	cp -rL "$headers/linux" "$headers/asm-generic" "$3/usr/include/"
	[ ! -d "/usr/include/$triple/asm" ] || headers=/usr/include/$triple
	cp -rL "$headers/asm" "$3/usr/include/"
}
