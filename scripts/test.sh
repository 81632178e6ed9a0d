#!/bin/sh
# Runs what it is asked for (unit, spec, integration) and ends with the counts: "N passed, N failed".
# A program that dies, and a run that tests nothing, count as failed.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
export BUILD
passed=0
failed=0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The specs load the library from the tree, and the C module from the build.
export LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;"
export LUA_CPATH="./$BUILD/lua/?.so;;"
export MOLBUILD_BIN="$PWD/$BUILD/molbuild"
unset MOLECULE_GITEA_TOKEN MOLECULE_IMAGE_REGISTRY MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX MOLECULE_LOCAL_BUILD_CACHE

count() { # NAME STATUS PASSED FAILED
  passed=$((passed + $3))
  failed=$((failed + $4))
  if [ "$4" = 0 ] && { [ "$2" != 0 ] || [ "$3" = 0 ]; }; then
    echo "$1: ended with status $2 after $3 tests" >&2
    failed=$((failed + 1))
  fi
  return 0
}

unit() {
  for program in "$BUILD"/test/test_*; do
    [ -x "$program" ] || continue
    case $program in *.d | *.o) continue ;; esac
    CMOCKA_MESSAGE_OUTPUT=TAP "$program" >"$out/tap" 2>"$out/err"
    status=$?
    ok=$(grep -c '^ok ' "$out/tap")
    not_ok=$(grep -c '^not ok ' "$out/tap")
    echo "$(basename "$program"): $ok ok, $not_ok not ok"
    if [ "$not_ok" != 0 ] || [ $status != 0 ]; then
      grep -v '^ok ' "$out/tap"
      cat "$out/err"
    fi
    count "$program" $status "$ok" "$not_ok"
  done
}

busted() { # DIRECTORY
  (
    if [ -n "${SANITIZED:-}" ]; then
      # The sanitizers' run-times must be there before lua5.4 loads a module that was built with them. Lua itself
      # gives back nothing at exit that they would not call a leak; the C tests look for leaks.
      export LD_PRELOAD="$(cc -print-file-name=libasan.so) $(cc -print-file-name=libubsan.so)"
      export ASAN_OPTIONS=detect_leaks=0
    fi
    exec lua5.4 /usr/bin/busted --output=TAP --pattern=_spec "$@"
  ) >"$out/tap" 2>"$out/err" </dev/null
  status=$?
  ok=$(grep -c '^ok ' "$out/tap")
  not_ok=$(grep -c '^not ok ' "$out/tap")
  grep -v '^ok ' "$out/tap" | grep -v '^1\.\.'
  [ $status = 0 ] || cat "$out/err"
  echo "busted $*: $ok ok, $not_ok not ok"
  count "busted $*" $status "$ok" "$not_ok"
}

for what in "$@"; do
  case $what in
    unit) unit ;;
    spec) busted --exclude-tags=none $(find spec -maxdepth 1 -name '*_spec.lua' | sort) ;;
    integration)
      if spec/support/engine.sh start "$out/engine"; then
        DOCKER_HOST=$(cat "$out/engine/host")
        export DOCKER_HOST
        for file in spec/integration/*_spec.lua; do busted "$file"; done
        spec/support/engine.sh stop "$out/engine"
      else
        count "the integration specs: no Docker Engine" 1 0 0
      fi
      ;;
    *)
      echo "usage: scripts/test.sh [unit] [spec] [integration]" >&2
      exit 2
      ;;
  esac
done

echo "$passed passed, $failed failed"
[ $failed = 0 ]
