#!/bin/sh
# Installs what is missing to build, try (--for=demo) or test (--for=test) molbuild. Does nothing when nothing is.
# Debian and Ubuntu: apt-get, as root or with sudo. macOS: says which brew line to run.
set -eu

purpose=test
for argument in "$@"; do
  case $argument in
    --for=demo | --for=test) purpose=${argument#--for=} ;;
    *)
      echo "usage: scripts/bootstrap.sh [--for=demo|--for=test]" >&2
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
  [ -x /usr/bin/busted ] || need lua-busted
  [ -x /usr/bin/luacheck ] || need lua-check
  [ -e /usr/include/cmocka.h ] || need libcmocka-dev
  command_or luarocks luarocks
  command_or nginx nginx-light
  command_or fcgiwrap fcgiwrap
  command_or cppcheck cppcheck
  command_or tinyproxy tinyproxy
  command_or tmux tmux
  command_or strace strace
  command_or openssl openssl
}

# Packages bring services (nginx, docker) that nobody asked to run: a policy keeps them from being started.
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
  made_policy=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod 755 $policy
    made_policy=1
  fi
  status=0
  # shellcheck disable=SC2086 # the packages are a list
  $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
    'apt-get update -q && apt-get install -q -y --no-install-recommends "$@"' sh $missing \
    </dev/null >&2 || status=$?
  [ -z "$made_policy" ] || $as_root rm -f $policy
  return $status
}

case $(uname) in
  Darwin)
    for formula in lua@5.4:lua curl:curl openssl@3:openssl git:git luarocks:luarocks cmocka:cmocka; do
      command_is_there "${formula#*:}" || need "${formula%:*}"
    done
    if [ -n "$missing" ]; then
      echo "bootstrap: run this, then try again: brew install$missing pkg-config && luarocks install lua-cjson && luarocks install argparse" >&2
      exit 1
    fi
    ;;
  *)
    if command_is_there apt-get; then
      check_debian
      [ -z "$missing" ] || apt_install
    else
      echo "bootstrap: no apt-get here; needed are a C compiler, make, pkg-config, git, docker, Lua 5.4 with cjson and argparse, libcurl and OpenSSL (with headers)" >&2
    fi
    ;;
esac
