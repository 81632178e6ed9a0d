#!/bin/sh
# A Docker engine of our own, for tests and for the demo. Needs root, dockerd and Linux.
#
#   engine.sh start DIR     DIR/docker.sock answers when this returns; DIR/log is dockerd's. One that runs is left alone
#   engine.sh start DIR OPTION...   the same with more options for dockerd, such as a port of 127.0.0.1 to listen at
#   engine.sh stop DIR      ends it and all it has started, and removes what it has stored
#
# It runs in namespaces of its own where the kernel allows it: its mounts, its bridge and its processes are private, and not anyone
# else's, and are gone with it. It has no network to the outside. The machine's own engine is never touched.
# With more options, it is in our network, where its port can be reached, and has no bridge.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=spec/support/lives.sh
. "$here/lives.sh"

fail() {
	echo "engine.sh: $*" >&2
	exit 1
}

answers() {
	curl -sf --max-time 5 --noproxy '*' --unix-socket "$1/docker.sock" http://engine/_ping >/dev/null 2>&1
}

# launch DIR ISOLATION STORAGE [OPTION...]: in the background; its pid goes into DIR/pid.
launch() {
	dir=$1 isolation=$2 storage=$3
	shift 3
	net=--net
	[ $# = 0 ] || net=
	[ "$isolation" = namespaces ] && [ -n "$net" ] || set -- --bridge=none "$@"
	set -- dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" --exec-root "$dir/exec" \
		--pidfile "$dir/dockerd.pid" --host "unix://$dir/docker.sock" --storage-driver "$storage" \
		--iptables=false --ip6tables=false "$@"
	if [ "$isolation" = namespaces ]; then
		# The shell is process 1 there, and buries the orphans.
		# shellcheck disable=SC2016,SC2086 # the text is for that shell; an option or none
		set -- unshare $net --mount --pid --fork --kill-child --mount-proc \
			sh -c '"$@" & pid=$!; trap "kill $pid" TERM; while kill -0 $pid 2>/dev/null; do wait $pid; done' \
			dockerd "$@"
	fi
	# dockerd starts itself for each part of a layer: without a garbage collection in each, that takes a quarter less time.
	setsid env -i PATH="$PATH" HOME="$dir" TMPDIR="$dir" GOGC=off GOMEMLIMIT=400MiB "$@" >"$dir/log" 2>&1 </dev/null &
	echo $! >"$dir/pid"
}

wait_until_it_answers() {
	for _ in $(seq 1 1200); do
		answers "$1" && return 0
		lives "$(cat "$1/pid")" || return 1
		sleep 0.1
	done
	return 1
}

start() {
	[ "$(id -u)" = 0 ] || fail "only root can start an engine"
	command -v dockerd >/dev/null || fail "dockerd is not installed (docker.io)"
	command -v curl >/dev/null || fail "curl is not installed"
	[ -d "$1" ] || fail "no directory $1"
	if answers "$1"; then return; fi
	end "$1"
	socket=$1/docker.sock
	[ ${#socket} -le 100 ] || fail "the path of the socket would be too long: $socket"
	echo '{"shutdown-timeout": 1}' >"$1/daemon.json"
	where=$1
	shift
	for variant in namespaces:overlay2 namespaces:vfs plain:overlay2 plain:vfs; do
		launch "$where" "${variant%:*}" "${variant#*:}" "$@"
		wait_until_it_answers "$where" && return 0
		end "$where"
	done
	tail -n 20 "$where/log" >&2
	fail "dockerd does not start, see above"
}

# The process to ask: the first one inside the namespaces, or dockerd.
inner_pid() {
	if [ "$(cat "/proc/$1/comm")" = unshare ]; then
		ps -o pid= --ppid "$1" | head -n 1
	else
		echo "$1"
	fi
}

end() {
	[ -f "$1/pid" ] || return 0
	pid=$(cat "$1/pid")
	if lives "$pid"; then
		inner=$(inner_pid "$pid")
		kill "${inner:-$pid}" 2>/dev/null
		for _ in $(seq 1 150); do
			lives "$pid" || break
			sleep 0.1
		done
		# The first process of a process namespace takes all others with it.
		kill -KILL "${inner:-$pid}" "$pid" 2>/dev/null
	fi
	containerd=$1/exec/containerd/containerd.pid
	[ ! -f "$containerd" ] || kill -KILL "$(cat "$containerd")" 2>/dev/null
	rm -f "$1/pid" "$1/docker.sock" "$1/dockerd.pid"
}

stop() {
	end "$1"
	# Without namespaces, mounts may be left.
	awk -v dir="$1/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
		umount -l "$mount"
	done
	rm -rf "$1/data" "$1/exec" "$1/daemon.json"
}

[ $# -ge 2 ] || fail "usage: engine.sh start|stop DIR"
case $1 in
start)
	shift
	start "$@"
	;;
stop) stop "$2" ;;
*) fail "usage: engine.sh start|stop DIR" ;;
esac
