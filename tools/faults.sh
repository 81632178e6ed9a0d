#!/bin/sh
# Makes one call of molbuild fail, in thousands of runs, and checks the promises of docs/reliability.md. Ends with the
# counts. Needs root and Linux: private engines, strace.
#
#   FAULTS_SECONDS=60   ends after 60 s; the next call continues         FAULTS_SEED=1     the order, and which allocations fail
#   FAULTS_SAMPLE=100   at most COUNT points of the plan                 FAULTS_JOBS=2     side by side, each with an engine
#   FAULTS_ONLY='^hit '  only those whose names match that Lua pattern
#
# The state is in $BUILD/faults; a program or a seed other than the last one's begins again, and so does `rm -r $BUILD/faults`.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build} LUA=${LUA:-lua5.4} FAULTS_SEED=${FAULTS_SEED:-1}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
jobs=${FAULTS_JOBS:-$(getconf _NPROCESSORS_ONLN)}
state=$BUILD/faults
MOLBUILD_BIN=$BUILD/molbuild
export BUILD MOLBUILD_BIN
# The library is loaded from the tree, and the C module from the build.
export LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;;" LUA_CPATH="$BUILD/lua/?.so;;"

fail() {
	echo "faults.sh: $*" >&2
	exit 1
}

main() {
	"$LUA" spec/support/faults/main.lua "$@"
}

clean_up() {
	trap '' HUP INT TERM
	# shellcheck disable=SC2086 # a list
	[ -z "$workers" ] || kill $workers 2>/dev/null
	# The interrupted runs.
	grep -lsF "MOLECULE_LOCAL_BUILD_CACHE=$world/" /proc/[0-9]*/environ | tr -dc '0-9\n' | while read -r pid; do
		kill -KILL "$pid" 2>/dev/null
	done
	for number in $(seq "$jobs"); do
		[ ! -d "$world/engine-$number" ] || spec/support/engine.sh stop "$world/engine-$number"
	done
	[ ! -f "$world/forge/ports" ] || spec/support/forge.sh stop "$world/forge"
	rm -rf "$world"
}

# The subject of the results: another program, policy or plan invalidates them.
identity() {
	cat "$MOLBUILD_BIN" scripts/ensure.lua spec/support/faults/*.lua "$BUILD/test/faulty.so" | sha256sum
	echo "seed $FAULTS_SEED"
}

# link_clients: $world/buildkit and $world/classic hold a docker client each, the same one where there is no other.
link_clients() {
	mkdir "$world/buildkit" "$world/classic"
	spec/support/clients.sh >"$world/clients"
	ln -s "$(awk -F'\t' 'NR == 1 { path = $1 } $3 == "yes" || $2 + 0 < 23 { path = $1; exit } END { print path }' "$world/clients")" \
		"$world/buildkit/docker"
	ln -s "$(awk -F'\t' 'NR == 1 { path = $1 } $3 == "no" && $2 + 0 >= 23 { path = $1; exit } END { print path }' "$world/clients")" \
		"$world/classic/docker"
}

# commit RUNTIME: another commit of its template.
commit() {
	work=$world/work/$1 repository=$world/forge/repos/org/t-$1.git
	if [ ! -d "$work" ]; then
		mkdir -p "$work" "$world/forge/repos/org"
		git init -q -b main "$work" && git init -q --bare -b main "$repository" || fail "no git repository"
		cp /bin/busybox "$work/busybox" || fail "no /bin/busybox"
		printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' 'COPY says /says' 'RUN ["/bin/busybox", "true"]' \
			'CMD ["/bin/busybox", "cat", "/says"]' >"$work/Dockerfile"
	fi
	echo "hello" >>"$work/says"
	git -C "$work" add -A
	git -C "$work" -c user.name=faults -c user.email=faults@localhost commit -qm "Say hello"
	git -C "$work" push -q "$repository" main || fail "no template"
	heads=$(grep -v "^$1 " "$world/heads" 2>/dev/null)
	printf '%s\n' "$heads" "$1 $(git -C "$work" rev-parse HEAD)" >"$world/heads"
}

# $world/kept is the cache after a build of an earlier commit.
keep_a_cache() {
	commit crewai
	env -i PATH="$world/classic:$PATH" HOME="$world" DOCKER_HOST="unix://$world/engine-1/docker.sock" \
		MOLECULE_LOCAL_BUILD_CACHE="$world/kept" \
		MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX="http://127.0.0.1:$(awk '$1 == "http" { print $2 }' "$world/forge/ports")/org/t-" \
		"$MOLBUILD_BIN" run -q scripts/ensure.lua crewai >/dev/null || fail "a build fails"
	commit crewai
}

make_world() {
	starting=
	for number in $(seq "$jobs"); do
		mkdir "$world/engine-$number"
		spec/support/engine.sh start "$world/engine-$number" &
		starting="$starting $!"
	done
	spec/support/forge.sh start "$world/forge" || fail "no forge"
	for pid in $starting; do wait "$pid" || fail "no engine"; done
	link_clients
	for runtime in hermes codex; do commit $runtime; done
	keep_a_cache
}

[ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] || fail "this needs root and Linux"
strace -qq -o /dev/null true 2>/dev/null || fail "strace is missing, or may trace nothing here"
world=$(mktemp -d "${TMPDIR:-/tmp}/faults.XXXXXX") || exit 1
workers=
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

make_world
mkdir -p "$state"
identity >"$world/identity"
if ! cmp -s "$world/identity" "$state/identity"; then
	rm -rf "$state" && mkdir -p "$state"
	main plan "$world" "$state" "$FAULTS_SEED" || fail "no plan"
	cp "$world/identity" "$state/identity"
fi
for number in $(seq "$jobs"); do
	# No function: the process to end must be the worker itself.
	"$LUA" spec/support/faults/main.lua work "$world" "$state" "$number" "$jobs" &
	workers="$workers $!"
done
for pid in $workers; do wait "$pid" || fail "a worker has ended"; done
workers=
main report "$state"
