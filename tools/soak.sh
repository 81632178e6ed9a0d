#!/bin/sh
# Many runs, and whether anything grows: the memory of a run, descriptors, files of the cache, images, processes. Ends with the counts.
#
# SOAK_HITS (2000), SOAK_BUILDS (30) and SOAK_JOBS (8, side by side) set the numbers, SOAK_WATCH (120) the seconds of a watch in fast
# motion: at --every=1s an hour has as many looks as twelve days at 5m. SOAK_ONLY=watch runs that part alone. Needs root and Linux:
# a private engine.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
[ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ] || {
	echo "soak.sh: this needs root and Linux" >&2
	exit 1
}
if [ -z "${SOAK_ENGINE:-}" ]; then
	SOAK_ENGINE=1 BUILD=$BUILD exec spec/support/with-engine.sh "$0"
fi

case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
hits=${SOAK_HITS:-2000} builds=${SOAK_BUILDS:-30} jobs=${SOAK_JOBS:-8} watch_s=${SOAK_WATCH:-120}
molbuild=$BUILD/molbuild
image=molecule-local/workspace-template
passed=0 failed=0
dir=$(mktemp -d "${TMPDIR:-/tmp}/soak.XXXXXX") || exit 1
mkdir "$dir/tmp" "$dir/home"
watch=
trap '[ -z "$watch" ] || kill -KILL "$watch" 2>/dev/null; spec/support/forge.sh stop "$dir/forge"; rm -rf "$dir"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
	echo "soak.sh: $*" >&2
	exit 1
}

# same WHAT BEFORE AFTER ALLOWED: AFTER may be ALLOWED more than BEFORE.
same() {
	verdict=ok
	if [ "$3" -le $(($2 + $4)) ]; then passed=$((passed + 1)); else failed=$((failed + 1)) verdict=GREW; fi
	printf '%-62s %9s %9s  +%-6s %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

# as_user COMMAND...: without the caller's settings. With replace=exec, in place of this shell.
as_user() {
	${replace:-} env -i PATH="$PATH" HOME="$dir/home" TMPDIR="$dir/tmp" LANG=C.UTF-8 DOCKER_HOST="$DOCKER_HOST" \
		MOLECULE_LOCAL_BUILD_CACHE="$dir/cache" MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX="$http/org/t-" "$@"
}

# run ARGUMENT...: molbuild; $dir/err has its stderr.
run() {
	as_user "$molbuild" run -q "$@" 2>>"$dir/err" || {
		tail -n 20 "$dir/err" >&2
		fail "a run failed"
	}
}

# commit RUNTIME: another commit of its template; $tag is its image's from now on.
commit() {
	work=$dir/work/$1 repository=$dir/forge/repos/org/t-$1.git
	if [ ! -d "$work" ]; then
		mkdir -p "$work" "$dir/forge/repos/org"
		git init -q -b main "$work" && git init -q --bare -b main "$repository" || fail "no git repository"
		cp /bin/busybox "$work/busybox" || fail "no /bin/busybox"
		printf '%s\n' 'FROM scratch' 'COPY . /bin/' 'RUN ["/bin/busybox", "true"]' >"$work/Dockerfile"
	fi
	od -An -N4096 -tx1 /dev/urandom >"$work/data"
	git -C "$work" add -A
	git -C "$work" -c user.name=soak -c user.email=soak@localhost commit -qm "Say something else"
	git -C "$work" push -q "$repository" main || fail "no template"
	tag=$image-$1:$(git -C "$work" rev-parse HEAD | cut -c1-12)
}

# peak COUNT: the peak memory of one hit in KiB, the median of COUNT.
peak() {
	as_user "$BUILD/bench/measure" -n "$1" "$molbuild" run -q ensure.lua hermes >"$dir/peak" || fail "a hit failed"
	awk '{ print $3 }' "$dir/peak"
}

files() { find "$dir/cache" "$@" 2>/dev/null | wc -l; }
temporary() { find "$dir/tmp" "$dir/home" -mindepth 1 | wc -l; }
images() { docker image ls -aq | wc -l; }
dangling() { docker image ls -q --filter dangling=true | wc -l; }
containers() { docker ps -aq | wc -l; }
processes() { grep -lsF "MOLECULE_LOCAL_BUILD_CACHE=$dir/cache" /proc/[0-9]*/environ | wc -l; }
# The engine's own descriptors: a connection that is left open would be one.
descriptors() {
	for pid in $(ps -A -o pid= -o args= | awk -v host="$DOCKER_HOST" '$2 ~ /dockerd$/ && index($0, host) { print $1 }'); do
		find "/proc/$pid/fd" -type l 2>/dev/null
	done | wc -l
}

hits_in_a_row() {
	for _ in 1 2 3; do run ensure.lua hermes >/dev/null; done
	before_files=$(files) before_images=$(images) before_open=$(descriptors) before_temporary=$(temporary)
	part=$((hits / 10 < 1000 ? hits / 10 : 1000))
	first=$(peak "$part") || exit 1
	left=$((hits - 2 * part))
	while [ "$left" -gt 0 ]; do
		# It takes 1000 at most.
		peak $((left < 1000 ? left : 1000)) >/dev/null || exit 1
		left=$((left - 1000))
	done
	last=$(peak "$part") || exit 1
	same "$hits hits in a row: memory of a run, KiB" "$first" "$last" 256
	same "$hits hits in a row: files in the cache" "$before_files" "$(files)" 0
	same "$hits hits in a row: temporary files" "$before_temporary" "$(temporary)" 0
	same "$hits hits in a row: images" "$before_images" "$(images)" 0
	same "$hits hits in a row: the engine's descriptors" "$before_open" "$(descriptors)" 4
}

hits_side_by_side() {
	before_files=$(files) before_images=$(images) before_open=$(descriptors)
	each=$((hits / jobs)) pids=
	for job in $(seq "$jobs"); do
		for _ in $(seq "$each"); do run ensure.lua hermes; done >"$dir/printed.$job" &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid" || fail "a hit failed"; done
	same "$hits hits, $jobs side by side: other tags than the right one" 0 "$(cat "$dir"/printed.* | grep -cvxF "$tag")" 0
	same "$hits hits, $jobs side by side: tags that are missing" $((each * jobs)) "$(cat "$dir"/printed.* | wc -l)" 0
	same "$hits hits, $jobs side by side: files in the cache" "$before_files" "$(files)" 0
	same "$hits hits, $jobs side by side: images" "$before_images" "$(images)" 0
	same "$hits hits, $jobs side by side: the engine's descriptors" "$before_open" "$(descriptors)" 4
	same "$hits hits, $jobs side by side: processes" 0 "$(processes)" 0
}

hits_in_one_process() {
	run "$PWD/core/bench/soak.lua" hermes "$hits" >"$dir/one"
	first=$(sed -n 1p "$dir/one") last=$(sed -n 2p "$dir/one")
	same "$hits hits in one process: memory, KiB" "${first%% *}" "${last%% *}" 512
	same "$hits hits in one process: descriptors" "$(echo "$first" | cut -d' ' -f2)" "$(echo "$last" | cut -d' ' -f2)" 0
	same "$hits hits in one process: memory of Lua, KiB" "${first##* }" "${last##* }" 64
}

cold_builds() {
	for build in $(seq "$builds"); do
		commit codex
		printed=$(run ensure.lua codex)
		[ "$printed" = "$tag" ] || fail "build $build printed $printed, not $tag"
		[ "$build" != 5 ] || {
			before_files=$(files -path '*/codex/*' -prune -o -print) before_temporary=$(temporary)
			before_open=$(descriptors) before_kib=$(du -sk "$dir/cache" | cut -f1)
		}
	done
	# One pack per fetch; a few are kept before they are repacked.
	same "$builds builds: files in the cache, without trees" "$before_files" "$(files -path '*/codex/*' -prune -o -print)" 60
	same "$builds builds: the cache in KiB" "$before_kib" "$(du -sk "$dir/cache" | cut -f1)" 1024
	same "$builds builds: trees" 3 "$(find "$dir/cache/codex" -mindepth 1 -maxdepth 1 -type d | wc -l)" 0
	same "$builds builds: logs" 3 "$(find "$dir/cache/codex" -name '*.log' | wc -l)" 0
	same "$builds builds: staging" 0 "$(find "$dir/cache/tmp" -mindepth 1 | wc -l)" 0
	same "$builds builds: temporary files" "$before_temporary" "$(temporary)" 0
	same "$builds builds: images, one for each and :latest" $((builds + 1)) "$(docker image ls -q --format x "$image-codex" | wc -l)" 0
	same "$builds builds: images without a name" 0 "$(dangling)" 0
	same "$builds builds: containers" 0 "$(containers)" 0
	same "$builds builds: the engine's descriptors" "$before_open" "$(descriptors)" 8
	same "$builds builds: processes" 0 "$(processes)" 0
}

# sample PID: memory in KiB, descriptors, files of the cache without trees, temporary files, images of one runtime.
sample() {
	kib=$(awk '{ print $2 * 4 }' "/proc/$1/statm") open=$(find "/proc/$1/fd" -type l 2>/dev/null | wc -l)
	cached=$(files -type f -not -path "$dir/cache/*/????????????/*") temporary=$(temporary)
	tags=$(docker image ls -q --format x "$image-gemini-cli" | wc -l)
}

# A branch moves every five seconds; gc follows each build. The first sample is taken when all has happened several times.
watch_in_fast_motion() {
	for runtime in gemini-cli langgraph openclaw; do commit "$runtime"; done
	(
		replace="exec"
		as_user "$molbuild" watch -q ensure.lua --every=1s --gc --metrics="$dir/numbers" gemini-cli langgraph openclaw
	) >"$dir/out" 2>>"$dir/err" &
	watch=$! begun=$(date +%s) first=
	while now=$(($(date +%s) - begun)) && [ "$now" -lt "$watch_s" ]; do
		if [ -z "$first" ] && [ "$now" -ge $((watch_s / 4)) ]; then
			sample "$watch"
			first=$kib first_open=$open first_cached=$cached first_temporary=$temporary first_tags=$tags
		fi
		commit gemini-cli
		sleep 5
		kill -0 "$watch" 2>/dev/null || fail "the watch has ended: $(tail -n 5 "$dir/err")"
	done
	sleep 5
	sample "$watch"
	looks=$(awk '/^molbuild_watch_results_total/ { sum += $2 } END { print sum }' "$dir/numbers")
	bad=$(awk '/^molbuild_watch_failures_total/ { sum += $2 } END { print sum }' "$dir/numbers")
	[ "$bad" = 0 ] || grep '^molbuild_watch_failures_total.* [1-9]' "$dir/numbers" >&2
	made=$(awk '/^molbuild_watch_results_total.*built.*gemini/ { print $2 }' "$dir/numbers")
	kill -TERM "$watch"
	wait "$watch"
	ended=$? watch=
	cp "$dir/err" "$BUILD/soak-watch.err" 2>/dev/null
	same "a watch of $watch_s s, $looks looks, $made builds: its exit status" 0 "$ended" 0
	same "a watch of $watch_s s: looks that failed" 0 "$bad" 0
	same "a watch of $watch_s s: memory, KiB" "$first" "$kib" 1024
	same "a watch of $watch_s s: descriptors" "$first_open" "$open" 2
	same "a watch of $watch_s s: files in the cache, without trees" "$first_cached" "$cached" 60
	same "a watch of $watch_s s: temporary files" "$first_temporary" "$temporary" 0
	same "a watch of $watch_s s: images of the runtime that moves" "$first_tags" "$tags" 3
	same "a watch of $watch_s s: processes" 0 "$(processes)" 0
}

spec/support/forge.sh start "$dir/forge" || fail "no forge"
http=http://127.0.0.1:$(awk '$1 == "http" { print $2 }' "$dir/forge/ports")
commit hermes
printf '%-62s %9s %9s  %-7s\n' what before after allowed
if [ "${SOAK_ONLY:-}" != watch ]; then
	hits_in_a_row
	hits_side_by_side
	hits_in_one_process
	cold_builds
fi
watch_in_fast_motion
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
