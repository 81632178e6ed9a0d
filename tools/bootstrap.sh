#!/bin/sh
# Install what is missing to build and try (--for=demo), test (--for=test) or release (--for=release, with its tests) molbuild; with
# nothing missing, do nothing.
# Debian and Ubuntu: apt-get, as root or with sudo. macOS: prints the brew command to run. It never prompts.
set -eu

purpose="test"
for argument in "$@"; do
	case $argument in
		--for=demo | --for=test | --for=release) purpose=${argument#--for=} ;;
		*)
			echo "usage: tools/bootstrap.sh [--for=demo|--for=test|--for=release]" >&2
			exit 2
			;;
	esac
done

missing=
need() { missing="$missing $1"; }
command_is_there() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
command_or() { command_is_there "$1" || need "$2"; }
library_or() {
	for name in $1; do
		if command_is_there pkg-config && pkg-config --exists "$name"; then return; fi
	done
	need "$2"
}
lua_module_or() {
	for lua in lua5.4 lua-5.4 lua54 lua; do
		if command_is_there $lua && $lua -e "require '$1'" >/dev/null 2>&1; then return; fi
	done
	need "$2"
}

engine_answers() { command_is_there docker && timeout 10 docker version >/dev/null 2>&1; }

check_debian() {
	command_or cc build-essential
	command_or make make
	command_or git git
	command_or curl curl
	command_or ps procps
	command_or unshare util-linux
	command_or pkg-config pkg-config
	command_or lua5.4 lua5.4
	library_or "lua5.4 lua-5.4" liblua5.4-dev
	library_or libcurl libcurl4-openssl-dev
	library_or libcrypto libssl-dev
	lua_module_or cjson lua-cjson
	lua_module_or argparse lua-argparse
	[ -x /bin/busybox ] && ! ldd /bin/busybox >/dev/null 2>&1 || need busybox-static
	if [ "$purpose" = demo ]; then
		engine_answers || { command_is_there dockerd && command_is_there docker; } || need docker.io
		return
	fi
	command_is_there dockerd && [ -x /usr/bin/docker ] || need docker.io
	lua_module_or busted.runner lua-busted
	command_or luacheck lua-check
	[ -e /usr/include/cmocka.h ] || need libcmocka-dev
	command_or luarocks luarocks
	command_or nginx nginx
	command_or fcgiwrap fcgiwrap
	command_or ip iproute2
	command_or sshd openssh-server
	command_or ssh openssh-client
	command_or gpg gnupg
	command_or gpgv gpgv
	command_or cppcheck cppcheck
	command_or clang-format clang-format
	command_or shellcheck shellcheck
	command_or tinyproxy tinyproxy
	command_or tmux tmux
	command_or zsh zsh
	command_or fish fish
	command_or strace strace
	command_or openssl openssl
	command_or update-ca-certificates ca-certificates
	command_or podman podman
	command_or go golang-go
	command_or docker-registry docker-registry
	/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || need python3-jsonschema
	/usr/bin/python3 -c 'import prometheus_client' 2>/dev/null || need python3-prometheus-client
	command_or systemd-analyze systemd
}

# A release is made for two architectures, with a compiler for each.
check_release() {
	command_or dpkg-source dpkg-dev
	command_or perl perl
	command_or gpgv gpgv
	for target in x86_64:x86-64:amd64 aarch64:aarch64:arm64; do
		triple=${target%%:*}-linux-gnu
		arch=${target##*:}
		names=${target#*:}
		command_or "$triple-gcc" "gcc-${names%:*}-linux-gnu"
		[ -d "/usr/$triple/include/linux" ] || [ "$(dpkg --print-architecture)" = "$arch" ] || need "linux-libc-dev-$arch-cross"
	done
	command_or readelf binutils
	command_or lintian lintian
	command_or debootstrap debootstrap
	command_or qemu-aarch64-static qemu-user-static
	command_or zsh zsh
	command_or fish fish
	[ -d /usr/share/bash-completion ] || need bash-completion
}

# Packages bring services (nginx, docker) that must not run: a policy keeps them from being started.
apt_install() {
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command_is_there sudo || {
			echo "bootstrap: root is needed to install:$missing" >&2
			exit 1
		}
		as_root=sudo
	fi
	echo "bootstrap: installing$missing" >&2
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		trap '$as_root rm -f $policy' EXIT
		trap 'exit 130' INT
		trap 'exit 143' TERM HUP
		printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
		$as_root chmod 755 $policy
	fi
	# shellcheck disable=SC2086 # the packages are a list
	$as_root env DEBIAN_FRONTEND=noninteractive sh -c \
		'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh $missing \
		</dev/null >&2
}

check_mac() {
	for formula in lua@5.4:lua pkg-config:pkg-config curl:curl git:git luarocks:luarocks; do
		command_or "${formula#*:}" "${formula%:*}"
	done
	library_or libcrypto openssl@3
	rocks=
	for module in cjson:lua-cjson argparse:argparse; do
		before=$missing
		lua_module_or "${module%:*}" rock
		[ "$missing" = "$before" ] || rocks="$rocks && luarocks install ${module#*:}"
		missing=$before
	done
	if [ "$purpose" != demo ]; then
		library_or cmocka cmocka
		for tool in cppcheck clang-format shellcheck; do command_or $tool $tool; done
	fi
	if [ -n "$missing$rocks" ]; then
		line="${missing:+brew install$missing}$rocks"
		echo "bootstrap: something is missing; run this, and try again: ${line# && }" >&2
		exit 1
	fi
}

case $(uname -s) in
Darwin) check_mac ;;
*)
	if command_is_there apt-get; then
		check_debian
		[ "$purpose" != release ] || check_release
		[ -z "$missing" ] || apt_install
	else
		echo "bootstrap: no apt-get here. Needed are a C compiler, GNU make, pkg-config, git, curl, docker, Lua 5.4 with" \
			"cjson and argparse, libcurl and OpenSSL with their headers, a static busybox; for the tests also busted," \
			"luacheck, cmocka, cppcheck, clang-format, shellcheck, luarocks, nginx, fcgiwrap, sshd, tinyproxy, tmux, strace," \
			"openssl, gpg, podman, docker-registry, Go, systemd, python3-jsonschema and python3-prometheus-client." >&2
	fi
	;;
esac
