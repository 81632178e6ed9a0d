# shellcheck shell=bash
# The libraries that are linked into the program. Each is built once for a version and a recipe, into a directory of its own that
# is kept; what was built is laid into one root for each architecture, where the compiler of toolchain.sh finds it.

# What a server of today or an engine may need, and nothing that only other programs use. No TLS before 1.2, and the security level
# of Debian. No configuration file is read, no module is loaded.
OPENSSL_FEATURES="no-shared no-module no-dso no-engine no-legacy no-autoload-config no-tests no-ui-console no-comp no-zlib
	no-ssl3 no-tls1 no-tls1_1 no-dtls no-srtp no-sctp no-srp no-psk no-nextprotoneg no-ssl-trace no-ktls no-afalgeng no-capieng
	no-cms no-cmp no-ts no-ct no-rfc3779 no-gost no-idea no-seed no-camellia no-aria no-bf no-cast no-rc2 no-rc4 no-rc5 no-md2 no-md4
	no-mdc2 no-whirlpool no-sm2 no-sm3 no-sm4 no-siv no-ocb no-blake2 no-rmd160 no-dsa no-ec2m no-scrypt no-async"

openssl_target() {
	case $1 in
	amd64) echo linux-x86_64 enable-ec_nistp_64_gcc_128 ;;
	arm64) echo linux-aarch64 ;;
	esac
}

build_openssl() { # ARCH SOURCE DESTINATION
	# shellcheck disable=SC2046,SC2086 # lists
	CC=molbuild-$1-cc AR=molbuild-$1-ar RANLIB=molbuild-$1-ranlib "$2/Configure" $(openssl_target "$1") $OPENSSL_FEATURES \
		--prefix=/usr --libdir=lib --openssldir=/etc/ssl -DOPENSSL_TLS_SECURITY_LEVEL=2 -O2
	make build_libs
	make DESTDIR="$3" install_dev
}

# Objects of all files of C in a directory, with these flags.
compile_all() { # ARCH DIRECTORY FLAG...
	local arch=$1 directory=$2
	shift 2
	printf '%s\n' "$directory"/*.c | xargs -P "$JOBS" -n 1 "molbuild-$arch-cc" -O2 "$@" -c
}

# The package has no configure script, and the library needs none.
build_nghttp2() { # ARCH SOURCE DESTINATION
	local version number
	version=$(version_of nghttp2)
	version=${version%%-*}
	number=$(awk -F. '{ printf "0x%02x%02x%02x", $1, $2, $3 }' <<<"$version")
	install -d "$3/usr/include/nghttp2" "$3/usr/lib/pkgconfig"
	sed "s/@PACKAGE_VERSION@/$version/; s/@PACKAGE_VERSION_NUM@/$number/" "$2/lib/includes/nghttp2/nghttp2ver.h.in" \
		>"$3/usr/include/nghttp2/nghttp2ver.h"
	install -m 644 "$2/lib/includes/nghttp2/nghttp2.h" "$3/usr/include/nghttp2"
	compile_all "$1" "$2/lib" -I"$3/usr/include" -DNGHTTP2_STATICLIB -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H -DHAVE_TIME_H
	"molbuild-$1-ar" rcD "$3/usr/lib/libnghttp2.a" ./*.o
	printf 'Name: nghttp2\nDescription: HTTP/2\nVersion: %s\nLibs: -lnghttp2\nCflags: -DNGHTTP2_STATICLIB\n' "$version" \
		>"$3/usr/lib/pkgconfig/libnghttp2.pc"
}

# The trust store is named by the program (core/lib/net/http_trust.c), so libcurl has no default of its own.
CURL_FEATURES="--disable-shared --enable-static --disable-dependency-tracking --disable-manual --disable-ftp --disable-file
	--disable-ldap --disable-ldaps --disable-rtsp --disable-dict --disable-telnet --disable-tftp --disable-pop3 --disable-imap
	--disable-smb --disable-smtp --disable-gopher --disable-mqtt --disable-ntlm --disable-ntlm-wb --disable-tls-srp
	--disable-cookies --disable-hsts --disable-alt-svc --disable-doh --disable-mime --disable-netrc --disable-progress-meter
	--disable-get-easy-options --disable-libcurl-option --disable-openssl-auto-load-config --disable-websockets
	--enable-unix-sockets --enable-threaded-resolver --without-zlib --without-brotli --without-zstd --without-libpsl
	--without-libidn2 --without-libgsasl --without-librtmp --without-libssh2 --without-ca-bundle --without-ca-path
	--without-ca-fallback --with-openssl --with-nghttp2"

# libcurl starts OpenSSL at its own start, also where it then talks to a socket alone. OpenSSL starts itself when it is first used
# (OPENSSL_init_ssl(3)), and reads no configuration file (OPENSSL_FEATURES).
build_curl() { # ARCH SOURCE DESTINATION
	cp -rp "$2" source
	sed -i 's/^  OPENSSL_init_ssl(flags, NULL);$/  (void)flags;/' source/lib/vtls/openssl.c
	grep -qx '  (void)flags;' source/lib/vtls/openssl.c
	# shellcheck disable=SC2086 # a list
	source/configure --prefix=/usr --host="$(triple_of "$1")" CC="molbuild-$1-cc" AR="molbuild-$1-ar" RANLIB="molbuild-$1-ranlib" \
		CFLAGS=-O2 PKG_CONFIG="$(pkg_config_of "$1") --static" $CURL_FEATURES
	make -C lib
	make -C lib DESTDIR="$3" install
	make -C include DESTDIR="$3" install
	make DESTDIR="$3" install-pkgconfigDATA
}

# musl has dlopen only to say that a static program cannot load anything. Lua says the same in its own words without it.
#
# Debian's headers include one that its package makes: the directory of modules in C, which are not used here.
build_lua5.4() { # ARCH SOURCE DESTINATION
	install -d "$3/usr/include" "$3/usr/lib/pkgconfig"
	echo '#define DEB_HOST_MULTIARCH ""' >"$3/usr/include/lua5.4-deb-multiarch.h"
	compile_all "$1" "$2/src" -std=gnu99 -DLUA_USE_POSIX -DLUA_COMPAT_5_3 -I"$3/usr/include"
	rm lua.o luac.o
	(cd "$2/src" && install -m 644 lua.h luaconf.h lualib.h lauxlib.h "$3/usr/include")
	"molbuild-$1-ar" rcD "$3/usr/lib/liblua.a" ./*.o
	printf 'Name: Lua\nDescription: Lua\nVersion: 5.4\nLibs: -llua\n' >"$3/usr/lib/pkgconfig/lua5.4.pc"
}

# What is configured: a part of the recipe.
features_of() {
	case $1 in
	openssl) echo "$OPENSSL_FEATURES" ;;
	curl) echo "$CURL_FEATURES" ;;
	esac
}

pkg_config_of() {
	echo "env PKG_CONFIG_LIBDIR=$WORK/$1/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$WORK/$1/root pkg-config"
}

# Build one library, unless this version was built by this recipe. Sets RECIPE to what the next ones depend on, too.
library() { # ARCH NAME
	local arch=$1 name=$2 version into build
	version=$(version_of "$name")
	RECIPE=$(digest "$RECIPE" "$version" "$(declare -f "build_$name")" "$(features_of "$name")")
	into=$WORK/$arch/$name-$version-$RECIPE
	if [ ! -d "$into" ]; then
		say LIB "$arch $name $version"
		build=$WORK/$arch/build-$name
		rm -rf "$build" "$into.new"
		mkdir -p "$build"
		(cd "$build" && logged "$WORK/$arch/$name.log" "$TREE/tools/release/recipe.sh" "$arch" "$name" "$into.new")
		mv "$into.new" "$into"
		rm -rf "$build"
	fi
	cp -al "$into/." "$WORK/$arch/root/"
}

# All libraries of an architecture, in $WORK/ARCH/root.
build_libraries() { # ARCH
	local name
	write_compiler "$1"
	rm -rf "$WORK/$1/root"
	mkdir -p "$WORK/$1/root"
	RECIPE=$(digest "$(hardening_of "$1")" "$(specs_of root)" "$("$(triple_of "$1")-gcc" --version)" \
		"$(declare -f write_compiler compile_all openssl_target)" "$(cat "$TREE/tools/release/recipe.sh")")
	for name in $LIBRARIES; do library "$1" "$name"; done
}
