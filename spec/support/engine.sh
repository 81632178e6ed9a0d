#!/bin/sh
# engine.sh start DIR: an engine for the tests; DIR/host then holds what DOCKER_HOST must be.
# engine.sh stop DIR
# As root a private dockerd, its data and socket in DIR, so that no test touches the user's images; else the engine
# that DOCKER_HOST names. Without either it fails: tests without an engine show nothing.
set -u
dir=$2

start() {
  mkdir -p "$dir" || exit 1
  if [ "$(id -u)" != 0 ]; then
    if [ -n "${DOCKER_HOST:-}" ] && docker version >/dev/null 2>&1; then
      echo "$DOCKER_HOST" >"$dir/host"
      exit 0
    fi
    echo "engine.sh: not root, and no engine answers at DOCKER_HOST" >&2
    exit 1
  fi
  echo "unix://$dir/docker.sock" >"$dir/host"
  PATH=$PATH:/usr/sbin:/sbin
  export PATH
  dockerd --data-root "$dir/data" --exec-root "$dir/exec" -p "$dir/pid" -H "unix://$dir/docker.sock" \
    ${ENGINE_OPTIONS:-} >"$dir/log" 2>&1 </dev/null &
  daemon=$!
  tries=0
  until DOCKER_HOST="unix://$dir/docker.sock" docker version >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 $daemon 2>/dev/null; then
      echo "engine.sh: dockerd did not come up:" >&2
      tail -n 20 "$dir/log" >&2
      stop
      exit 1
    fi
    sleep 0.1
  done
}

stop() {
  [ -f "$dir/pid" ] || return 0
  pid=$(cat "$dir/pid")
  kill "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || kill -9 "$pid" 2>/dev/null
    sleep 0.1
  done
  # What a container that was being run left mounted.
  awk -v dir="$dir/" 'index($2, dir) == 1 { print $2 }' /proc/mounts 2>/dev/null | sort -r | while read -r mount; do
    umount -l "$mount" 2>/dev/null
  done
  rm -rf "$dir"
}

case $1 in
  start) start ;;
  stop) stop ;;
  *) exit 2 ;;
esac
