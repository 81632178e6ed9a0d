#!/bin/sh
# Measures the cost of molbuild, compared with minimal programs; compared programs run alternately, in one run.
# Prints one table and writes it to $BUILD/bench.json; docs/performance.md describes how each number is measured. A missed bar
# is printed as such; the exit status reports only whether everything could be measured.
#
# BUILD is the build directory, whose bench/ holds the programs of core/bench. BENCH names the sections to run; all
# when it is not set. RELEASE_FILE is the static program of make release; when it is not set, the one in $BUILD/release is
# measured, and without one its rows are missing.
set -u
cd "$(dirname "$0")/.." || exit 1

BUILD=${BUILD:-build}
# An engine for the hits: a private one as root, else the user's.
if [ -z "${BENCH_ENGINE:-}" ]; then
	BENCH_ENGINE=1 BUILD=$BUILD exec spec/support/with-engine.sh "$0"
fi

case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
molbuild=$BUILD/molbuild
bench=$BUILD/bench
runtimes="autogen claude-code codex crewai deepagents gemini-cli hermes langgraph openclaw"
MIB=1048576

fail() {
	echo "bench.sh: $*" >&2
	exit 1
}

for program in "$molbuild" "$bench/measure" "$bench/bench_text" "$bench/floor_start" "$bench/floor_hit" "$bench/flood"; do
	[ -x "$program" ] || fail "$program is not built: make bench"
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/molbuild-bench.XXXXXX") || exit 1
forge=$dir/forge
image_prefix=molecule-local policy=ensure.lua
[ "$(id -u)" = 0 ] || image_prefix=molbuild-bench policy=$PWD/core/bench/hit.lua
trap 'clean_up' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

clean_up() {
	[ ! -d "$dir/engine" ] || spec/support/engine.sh stop "$dir/engine"
	[ ! -f "$forge/ports" ] || spec/support/forge.sh stop "$forge"
	# shellcheck disable=SC2046 # a list
	[ ! -f "$dir/images" ] || docker image rm -f $(cat "$dir/images") >/dev/null 2>&1
	rm -rf "$dir"
}

# row NAME VALUE UNIT RATIO BAR: "-" for no ratio or no bar; a bar is "ratio<=2", "value>=0.5".
row() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$dir/rows"
}

# The release file, into $release; empty where there is none.
# Installed as README says, by cp: Linux keeps a file in larger pieces of memory if it was written in larger pieces, and a program that
# tar has just written takes longer to start.
find_release() {
	release=${RELEASE_FILE:-}
	case $(uname -m) in x86_64) architecture=amd64 ;; *) architecture=arm64 ;; esac
	archive=$BUILD/release/molbuild-$(cat VERSION)-linux-$architecture.tar.gz
	if [ -z "$release" ] && [ -f "$archive" ]; then
		mkdir "$dir/release" "$dir/installed" && tar -xzf "$archive" -C "$dir/release" --strip-components=1 || fail "$archive is damaged"
		cp -r "$dir/release/bin" "$dir/installed" || fail "the release file cannot be installed"
		release=$dir/installed/bin/molbuild
	fi
	[ -n "$release" ] || say "no release file: make release was not run, and its rows are missing"
	[ -z "$release" ] || [ -x "$release" ] || fail "$release is no program"
}

# calc EXPRESSION: by awk, with four digits at most.
calc() {
	awk "BEGIN { printf \"%.4g\", $1 }"
}

say() {
	echo "bench: $*" >&2
}

# measure ARGUMENT...: into $dir/measured. wall N, cpu N and rss N then give what its N-th command took.
measure() {
	timeout -k 5 120 "$bench/measure" "$@" >"$dir/measured" || fail "a measured command failed: $*"
}
column() {
	awk -v line="$1" -v column="$2" 'NR == line { print $column }' "$dir/measured"
}
wall() { column "$1" 1; }
cpu() { column "$1" 2; }
rss() { column "$1" 3; }

# --- a start and hits: bench-hits.sh, and what they need ------------------------------------------------------------

. tools/bench-hits.sh

sha_of() {
	printf %s "$1" | sha1sum 2>/dev/null | cut -c1-40 || printf %s "$1" | shasum | cut -c1-40
}

# A branch in Gitea's form. nginx sends the file itself, so that the forge's time is negligible.
make_branch() {
	path=$forge/static/api/v1/repos/org/t-$1/branches
	mkdir -p "$path"
	cat >"$path/main" <<-END
		{"name":"main","commit":{"id":"$2","message":"Say hello\n","url":"$http/org/t-$1/commit/$2","author":{"name":"bench","email":"bench@localhost","username":""},"committer":{"name":"bench","email":"bench@localhost","username":""},"verification":{"verified":false,"reason":"gpg.error.not_signed_commit","signature":"","signer":null,"payload":""},"timestamp":"2025-01-01T00:00:00Z","added":null,"removed":null,"modified":null},"protected":false,"required_approvals":0,"enable_status_check":false,"status_check_contexts":[],"user_can_push":false,"user_can_merge":false,"effective_branch_protection_name":""}
	END
}

# An image for each runtime, with the two names that it has in use.
make_images() {
	for runtime in $runtimes; do
		name=$image_prefix/workspace-template-$runtime sha=$(sha_of "$runtime")
		make_branch "$runtime" "$sha"
		echo "$runtime" >"$dir/says"
		tag=$name:$(printf %.12s "$sha")
		tar -C "$dir" -cf - says | docker import - "$tag" >/dev/null || fail "the engine takes no image"
		docker tag "$tag" "$name:latest" || fail "the engine does not tag"
		printf '%s\n' "$tag" "$name:latest" >>"$dir/images"
	done
}

make_world() {
	say "a forge and images"
	spec/support/forge.sh start "$forge" || fail "no forge"
	forge_url='' in_store='' max_age=0
	http=http://127.0.0.1:$(awk '$1 == "http" { print $2 }' "$forge/ports")
	api=$http/api/v1/repos/org/t-claude-code/branches/main
	image=$image_prefix/workspace-template-claude-code
	expected=$image:$(sha_of claude-code | cut -c1-12)
	make_images
}

# --- a miss ----------------------------------------------------------------------------------------------------------

# make_template RUNTIME DOCKERFILE BYTES: its repository, with a file of BYTES bytes that cannot be compressed. Its
# commit is then in $sha, as the branch API gives it, and its tag in $tag.
make_template() {
	runtime=$1 work=$dir/work/$1 repository=$forge/repos/org/t-$1.git
	mkdir -p "$work" "$forge/repos/org"
	git init -q -b main "$work" && git init -q --bare -b main "$repository" || fail "no git repository"
	# The server's git must take a negligible time.
	for at in "$work/.git" "$repository"; do
		git --git-dir="$at" config core.compression 0
		git --git-dir="$at" config core.bigFileThreshold 64k
	done
	printf '%b' "$2" >"$work/Dockerfile"
	cp /bin/busybox "$work/busybox" || fail "no /bin/busybox"
	head -c "$3" /dev/urandom >"$work/data"
	git -C "$work" add -A
	git -C "$work" -c user.name=bench -c user.email=bench@localhost commit -qm bench
	git -C "$work" push -q "$repository" main || fail "no template"
	sha=$(git -C "$work" rev-parse HEAD)
	make_branch "$1" "$sha"
	tag=$image_prefix/workspace-template-$1:$(printf %.12s "$sha")
	echo "$tag" "$image_prefix/workspace-template-$1:latest" >>"$dir/images"
}

# Remove everything of a runtime: image and cache.
make_cold="docker image rm -f \$(docker image ls -q '$image_prefix/workspace-template-RUNTIME') >/dev/null 2>&1; rm -rf CACHE"

forget() {
	echo "$make_cold" | sed "s|RUNTIME|$runtime|; s|CACHE|'$dir/cache' '$dir/cold'|"
}

# The builder that molbuild chooses, for the script.
builder() {
	docker buildx version >/dev/null 2>&1 && echo 1 && return
	docker version --format '{{.Client.Version}}' | awk -F. '{ print $1 < 23 }'
}

# cold_beside_script WHAT ROUNDS: what molbuild takes on top of the script, in milliseconds and as a ratio.
cold_beside_script() {
	timeout -k 5 300 env -i PATH="$PATH" HOME="$dir" LANG=C.UTF-8 DOCKER_HOST="$DOCKER_HOST" \
		DOCKER_BUILDKIT="$(builder)" MOLECULE_LOCAL_BUILD_CACHE="$dir/cache" \
		MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX="$http/org/t-" \
		"$bench/measure" -w 1 -n "$2" -b "$(forget)" core/bench/cold.sh "$http/org/t-$runtime" "$sha" "$tag" "$dir/cold" :: \
		"$molbuild" run "$policy" "$runtime" >"$dir/measured" 2>"$dir/err" || {
		tail -n 20 "$dir/err" >&2
		fail "a cold run failed"
	}
	row "cold, $1: git and docker by a shell script" "$(wall 1)" ms - -
	row "cold, $1: molbuild" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "$3"
	row "cold, $1: molbuild, on top" "$(calc "$(wall 2) - $(wall 1)")" ms - "$4"
	row "cold, $1: molbuild, processor time with its children's, on top" "$(calc "$(cpu 2) - $(cpu 1)")" ms "$(calc "$(cpu 2) / $(cpu 1)")" -
}

cold() {
	say "cold runtimes"
	copy='FROM scratch\nCOPY . /\n'
	make_template codex "$copy" 1000
	cold_beside_script "small template" 15 - "value<=50"
	make_template crewai "$copy"'RUN ["/busybox", "sh", "-c", "/busybox sha256sum /data"]\n' $((64 * MIB))
	cold_beside_script "template of 64 MiB" 7 "ratio<=1.03" -
}

# 50 processes need the same image, whose build takes some seconds: the time from its end to the exit of the last process.
crowd() {
	say "50 processes on a cold runtime"
	make_template hermes 'FROM scratch\nCOPY busybox /busybox\nRUN ["/busybox", "sleep", "5"]\n' 1000
	for _ in 1 2 3; do
		sh -c "$(forget)"
		begin=$(date +%s)
		pids=
		for _ in $(seq 1 50); do
			as_user "$molbuild" run --progress=quiet "$policy" hermes >"$dir/out" 2>"$dir/err" &
			pids="$pids $!"
		done
		for pid in $pids; do wait "$pid" || { cat "$dir/err" >&2; fail "one of 50 processes failed"; }; done
		end=$(date +%s.%N)
		docker events --since "$begin" --until $(($(date +%s) + 1)) --filter event=tag --format '{{.TimeNano}} {{.Actor.Attributes.name}}' |
			awk -v tag="$tag" -v end="$end" '$2 == tag { printf "%.3f\n", end - $1 / 1e9; exit }' >>"$dir/crowd"
	done
	[ "$(wc -l <"$dir/crowd")" = 3 ] || fail "the engine does not say when it had built"
	row "50 processes, cold: the last one, after the build" "$(sort -n "$dir/crowd" | sed -n 2p)" s - "value<=1"
}

# --- a child that prints a lot ---------------------------------------------------------------------------------------

# flood NAME MODE HOW KIND BYTES KEPT ROUNDS BAR: beside cat, which writes the same into a file of the same directory. The time
# that each needs for no output is subtracted: the pipe alone is measured. MODE is that of --progress; what it prints goes
# to /dev/null.
flood() {
	name=$1 mode=$2 how=$3 kind=$4 bytes=$5 kept=$6 rounds=$7 bar=$8
	say "flood: $name"
	# Called like the docker CLI, with any arguments.
	for size in 0 "$bytes"; do
		printf '#!/bin/sh\nexec "%s" %s %s\n' "$bench/flood" "$kind" "$size" >"$dir/prints-$size"
		chmod +x "$dir/prints-$size"
	done
	# shellcheck disable=SC2016 # for the inner shell
	set -- sh -c 'exec "$@" 2>/dev/null' sh "$molbuild" run "--progress=$mode" "$PWD/core/bench/flood.lua" "$how"
	measure -n "$rounds" -w 1 -u "$dir/flood" \
		"$@" "$dir/flood" 0 "$dir/prints-0" :: \
		"$@" "$dir/flood" "$kept" "$dir/prints-$bytes" :: \
		sh -c "'$dir/prints-0' | cat >'$dir/flood'" :: \
		sh -c "'$dir/prints-$bytes' | cat >'$dir/flood'"
	ours=$(calc "$(wall 2) - $(wall 1)") theirs=$(calc "$(wall 4) - $(wall 3)")
	row "$name: cat" "$(calc "$bytes / $theirs / 1e6")" GB/s - -
	row "$name: molbuild" "$(calc "$bytes / $ours / 1e6")" GB/s "$(calc "$theirs / $ours")" "$bar"
	row "$name: memory on top of idle" "$(calc "($(rss 2) - $(rss 1)) / 1024")" MiB "$(calc "$(rss 2) / $(rss 1)")" \
		"value<=16"
}

floods() {
	flood "child prints 1 GiB" quiet core lines $((1024 * MIB)) $((1024 * MIB)) 5 "ratio>=0.5"
	flood "child prints a line of 100 MiB" quiet core line $((100 * MIB)) $((100 * MIB)) 15 "ratio>=0.5"
	flood "child prints 128 MiB, half NULs" quiet core nul $((128 * MIB)) $((64 * MIB)) 15 "ratio>=0.5"
	flood "build prints 256 MiB" plain build lines $((256 * MIB)) $((256 * MIB)) 11 "ratio>=0.5"
	flood "build prints 256 MiB, a live line" tty build lines $((256 * MIB)) $((256 * MIB)) 11 "ratio>=0.5"
	flood "build prints 128 MiB, as JSON" json build lines $((128 * MIB)) $((128 * MIB)) 5 -
}

# --- text, tasks, locks ----------------------------------------------------------------------------------------------

text() {
	say "text"
	timeout 60 "$bench/bench_text" "$dir/log" >"$dir/text" || fail "bench_text failed"
	while read -r name speed share; do
		bar=-
		[ "$name" != mask-3-secrets ] || bar="value>=1"
		row "text: $name" "$speed" GB/s "$share" "$bar"
	done <"$dir/text"
}

# The cost of a wait, and what 200 tasks add to the cost at 10: 1 when it is linear, 20 when it is quadratic.
tasks() {
	say "tasks"
	timeout 60 "$molbuild" run --progress=quiet "$PWD/core/bench/tasks.lua" "$dir" "$api" >"$dir/tasks" ||
		fail "tasks.lua failed"
	for what in sleep lock child transfer; do
		for count in 1 10 50 200; do
			cost=$(awk -v what=$what -v count=$count '$1 == what && $2 == count { print $4 }' "$dir/tasks")
			[ $count != 10 ] || at_10=$cost
			bar=- ratio=-
			[ $count != 200 ] || ratio=$(calc "$cost / $at_10") bar="ratio<=2"
			[ "$what$count" != sleep200 ] || bar="value<=20 ratio<=2"
			row "$what: $count tasks, a wait" "$cost" us "$ratio" "$bar"
		done
	done
}

# The processor time of N processes that need one lock, per process.
processes() {
	say "processes on one lock"
	# shellcheck disable=SC2016 # for the inner shell
	many='n=$1; shift; pids=; while [ $n -gt 0 ]; do "$@" & pids="$pids $!"; n=$((n - 1)); done
		for pid in $pids; do wait $pid || exit 1; done'
	set -- "$molbuild" run --progress=quiet "$PWD/core/bench/lock.lua" "$dir/lock"
	measure -n 3 sh -c "$many" sh 10 "$@" :: sh -c "$many" sh 50 "$@" :: sh -c "$many" sh 200 "$@"
	row "one lock: 10 processes, each" "$(calc "$(cpu 1) / 10")" ms - -
	row "one lock: 50 processes, each" "$(calc "$(cpu 2) / 50")" ms "$(calc "$(cpu 2) / 50 / ($(cpu 1) / 10)")" -
	row "one lock: 200 processes, each" "$(calc "$(cpu 3) / 200")" ms "$(calc "$(cpu 3) / 200 / ($(cpu 1) / 10)")" "ratio<=2"
}

# The processor time and the memory of a hundred tests of a policy, each with a build in a world of fakes.
tests() {
	say "tests of a policy"
	measure -n 5 -w 1 "$molbuild" test "$PWD/core/bench/hundred_test.lua"
	row "100 tests of a policy: processor time" "$(cpu 1)" ms - "value<=1000"
	row "100 tests of a policy: peak memory" "$(calc "$(rss 1) / 1024")" MiB - -
}

# --- results ---------------------------------------------------------------------------------------------------------

report() {
	awk -F '\t' -v json="$BUILD/bench.json" '
		function holds(bar, value, ratio,   parts, n, i, what, limit, number) {
			n = split(bar, parts, " ")
			for (i = 1; i <= n; i++) {
				what = substr(parts[i], 1, 5) == "ratio" ? ratio : value
				limit = substr(parts[i], 8) + 0
				number = what + 0
				if (substr(parts[i], 6, 2) == "<=" ? number > limit : number < limit) return 0
			}
			return 1
		}
		function digits(text) { return text == "-" ? "" : sprintf("%.4g", text) }
		BEGIN {
			format = "%-58s %9s %-5s %7s  %-20s %s\n"
			printf format, "what", "value", "unit", "ratio", "bar", ""
			printf "[" >json
		}
		{
			verdict = $5 == "-" ? "" : holds($5, $2, $4) ? "ok" : "MISSED"
			missed += verdict == "MISSED"
			printf format, $1, digits($2), $3, digits($4), $5 == "-" ? "" : $5, verdict
			printf "%s\n  {\"name\": \"%s\", \"value\": %s, \"unit\": \"%s\", \"ratio\": %s, \"bar\": %s, \"ok\": %s}",
				separator, $1, $2, $3, ($4 == "-" ? "null" : $4), ($5 == "-" ? "null" : "\"" $5 "\""),
				(verdict == "" ? "null" : verdict == "ok" ? "true" : "false") >json
			separator = ","
		}
		END {
			print "\n]" >json
			printf "%d rows, %d bars missed\n", NR, missed
		}' "$dir/rows"
}

find_release
make_world
for section in ${BENCH:-start hits attested fleet https rebuild cold crowd floods text tasks processes tests}; do
	$section
done
picture
report
