# shellcheck shell=sh disable=SC2154,SC2086 # variables of tools/bench.sh; $in_store is words
# Sections of tools/bench.sh, which sources this file: a start, and hits, over http and over https.

start() {
	say "start"
	set -- "$bench/floor_start" :: "$molbuild" version
	[ -z "$release" ] || set -- "$@" :: "$release" version
	measure -w 5 -n 60 "$@"
	row "start: bare C program" "$(wall 1)" ms - -
	row "start: molbuild version" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=2"
	[ -z "$release" ] || row "start: the release file" "$(wall 3)" ms "$(calc "$(wall 3) / $(wall 1)")" "ratio<=0.3"
	[ -z "$release" ] || row "size of the release file" "$(calc "$(wc -c <"$release") / $MIB")" MiB - "value<=6"
}

# as_user COMMAND...: without the caller's settings.
as_user() {
	env -i PATH="$PATH" HOME="$dir" LANG=C.UTF-8 DOCKER_HOST="$DOCKER_HOST" MOLECULE_LOCAL_BUILD_CACHE="$dir/cache" \
		MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX="$forge_url/org/t-" MOLECULE_HEAD_MAX_AGE_S=$max_age "$@"
}

# measure_hits ARGUMENT...: measure, as a user, on the forge at $forge_url.
measure_hits() {
	as_user timeout -k 5 120 $in_store "$bench/measure" "$@" >"$dir/measured" 2>"$dir/err" || {
		tail -n 20 "$dir/err" >&2
		fail "a hit failed: $*"
	}
}

# The Go way, where there is a Go: into $go, empty where there is none.
build_go() {
	go=
	command -v go >/dev/null || return 0
	GOCACHE=$dir/go GOFLAGS=-trimpath go build -o "$bench/hit_go" core/bench/hit.go 2>"$dir/err" || {
		cat "$dir/err" >&2
		fail "core/bench/hit.go does not compile"
	}
	go=$bench/hit_go
}

check_hits() {
	for way in "$bench/floor_hit $api $socket $image" "core/bench/hit.sh $api $image" "$molbuild run $policy claude-code" \
		${go:+"$go $api $image"} ${release:+"$release run $policy claude-code"}; do
		# shellcheck disable=SC2086 # words
		printed=$(as_user $way 2>"$dir/err") || { cat "$dir/err" >&2; fail "$way failed"; }
		[ "$printed" = "$expected" ] || fail "$way printed $printed, not $expected"
	done
	[ ! -e "$dir/cache" ] || fail "that was no hit: there is a cache now"
}

# A picture of the hits in milliseconds, $BUILD/hits.svg. shown NAME MILLISECONDS adds a bar.
shown() {
	printf '%s\t%s\n' "$@" >>"$dir/bars"
}

hits() {
	say "hits"
	case $DOCKER_HOST in unix://*) socket=${DOCKER_HOST#unix://} ;; *) fail "the floor speaks to a unix socket only" ;; esac
	forge_url=$http in_store=
	build_go
	check_hits
	set -- "$bench/floor_hit" "$api" "$socket" "$image" :: "$molbuild" run "$policy" claude-code :: \
		core/bench/hit.sh "$api" "$image" :: "$molbuild" run "$policy" --all
	[ -z "$go" ] || set -- "$@" :: "$go" "$api" "$image"
	measure_hits -w 3 -n 50 "$@"
	row "hit: bare C program" "$(wall 1)" ms - -
	row "hit: molbuild, times the floor" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=1.5"
	row "hit: shell script, times molbuild" "$(wall 3)" ms "$(calc "$(wall 3) / $(wall 2)")" "ratio>=3"
	shown "http: shell script, curl and docker" "$(wall 3)"
	[ -z "$go" ] || shown "http: Go, and the docker program" "$(wall 5)"
	shown "http: bare C program" "$(wall 1)"
	shown "http: molbuild" "$(wall 2)"
	if [ -n "$go" ]; then
		row "hit: Go and the CLI, times molbuild" "$(wall 5)" ms "$(calc "$(wall 5) / $(wall 2)")" "ratio>=2.2"
	else
		say "no go here: the Go way is not measured"
	fi
	row "hit: --all (9 runtimes), times one" "$(wall 4)" ms "$(calc "$(wall 4) / $(wall 2)")" "ratio<=1.5"
	row "hit: own processor time" "$(cpu 2)" ms "$(calc "$(cpu 2) / $(cpu 1)")" -
	row "hit: --all, own processor time" "$(cpu 4)" ms "$(calc "$(cpu 4) / $(cpu 2)")" -
	row "hit: peak memory" "$(calc "$(rss 2) / 1024")" MiB "$(calc "$(rss 2) / $(rss 1)")" "value<=16"
	row "hit: peak memory, --all" "$(calc "$(rss 4) / 1024")" MiB "$(calc "$(rss 4) / $(rss 1)")" -
	released_hits
}

# The release file over http, and with a head that was looked up a moment ago: each beside the floor in a group of its own.
released_hits() {
	[ -n "$release" ] || return 0
	measure_hits -w 3 -n 50 "$bench/floor_hit" "$api" "$socket" "$image" :: "$release" run "$policy" claude-code
	row "hit: the release file, times the floor" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=0.7"
	row "hit: the release file, peak memory" "$(calc "$(rss 2) / 1024")" MiB - "value<=10"
	shown "http: molbuild, the release file" "$(wall 2)"
	max_age=86400
	as_user "$release" run -q "$policy" claude-code >"$dir/out" || fail "no hit"
	measure_hits -w 3 -n 50 "$bench/floor_hit" "$api" "$socket" "$image" :: "$release" run "$policy" claude-code
	max_age=0
	row "hit: the release file, fresh head, times the floor" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=0.45"
	shown "no request: molbuild, the release file, fresh head" "$(wall 2)"
	rm -rf "$dir/cache"
}

# A hit that demands a signed record, beside one of the same policy that demands none. The signature was checked before.
attested() {
	say "attested hits"
	forge_url=$http in_store='' attested=$PWD/core/bench/attested.lua
	command -v ssh-keygen >/dev/null || { say "no ssh-keygen here: attested hits are not measured"; return 0; }
	ssh-keygen -q -t ed25519 -N '' -f "$dir/key" || fail "no key"
	signing="env MOLECULE_SIGNING_KEY=$dir/key BENCH_IMAGE_PREFIX=$image_prefix"
	{ printf 'bench '; cat "$dir/key.pub"; } >"$dir/signers"
	chmod 600 "$dir/signers"
	signed="$signing MOLECULE_ALLOWED_SIGNERS=$dir/signers"
	as_user $signed "$molbuild" sign "$attested" claude-code 2>"$dir/err" || { cat "$dir/err" >&2; fail "no signature"; }
	as_user $signing "$molbuild" run -q "$attested" --attested claude-code >"$dir/out" || fail "no attested hit"
	as_user $signed "$molbuild" run -q "$attested" claude-code >"$dir/out" || fail "no hit of a signed commit"
	measure_hits -w 3 -n 50 $signing "$molbuild" run "$attested" claude-code :: \
		$signing "$molbuild" run "$attested" --attested claude-code :: $signed "$molbuild" run "$attested" claude-code
	row "hit: a policy of its own" "$(wall 1)" ms - -
	row "hit: --attested, on top of that" "$(calc "$(wall 2) - $(wall 1)")" ms "$(calc "$(wall 2) / $(wall 1)")" "value<=1"
	row "hit: allowed signers, on top of that" "$(calc "$(wall 3) - $(wall 1)")" ms "$(calc "$(wall 3) / $(wall 1)")" "ratio<=1.05"
	rm -rf "$dir/cache" "$dir/key" "$dir/key.pub" "$dir/signers"
}

# A hit where images are shared and builds are elsewhere, beside one where nothing of that is set. env starts both.
fleet() {
	say "hits with the settings of a fleet"
	forge_url=$http in_store='' program=${release:-$molbuild}
	measure_hits -w 3 -n 50 env UNUSED=1 "$program" run "$policy" claude-code :: \
		env MOLECULE_IMAGE_CACHE=registry.invalid/team MOLECULE_IMAGE_CACHE_PUSH=1 MOLECULE_IMAGE_CACHE_REQUIRED=1 \
		MOLECULE_IMAGE_CACHE_TIMEOUT_S=20 MOLECULE_BUILD_CACHE_FROM=type=registry,ref=registry.invalid/team/cache \
		MOLECULE_BUILD_CACHE_TO=inline MOLECULE_BUILDER=fleet "$program" run "$policy" claude-code
	row "hit: shared images and a builder set, times unset" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=1.05"
}

# A private view of the system's trust store, to which the forge's certificate is added as an administrator does it: $in_store is
# the beginning of commands that see it.
make_store() {
	in_store=
	[ "$(id -u)" = 0 ] && command -v update-ca-certificates >/dev/null && unshare -m true 2>/dev/null || return 1
	mkdir -p "$dir/store/certs" "$dir/store/local"
	cp -a /etc/ssl/certs/. "$dir/store/certs" && cp "$forge/tls/ca.pem" "$dir/store/local/bench.crt" || fail "no trust store"
	cat >"$dir/in-store" <<-END
		#!/bin/sh
		mount --bind '$dir/store/certs' /etc/ssl/certs && mount --bind '$dir/store/local' /usr/local/share/ca-certificates || exit 1
		exec "\$@"
	END
	chmod +x "$dir/in-store"
	in_store="unshare -m $dir/in-store"
	$in_store update-ca-certificates >/dev/null 2>"$dir/err" || fail "update-ca-certificates failed"
}

https() {
	say "hits over https"
	case $DOCKER_HOST in unix://*) socket=${DOCKER_HOST#unix://} ;; *) fail "the floor speaks to a unix socket only" ;; esac
	make_store || { say "the system's trust store cannot be shown with one more certificate here: https is not measured"; return 0; }
	forge_url=https://127.0.0.1:$(awk '$1 == "https" { print $2 }' "$forge/ports")
	secure=$forge_url/api/v1/repos/org/t-claude-code/branches/main
	set -- "$bench/floor_hit" "$secure" "$socket" "$image" :: "$molbuild" run "$policy" claude-code :: \
		"$molbuild" run "$policy" --all
	[ -z "$release" ] || set -- "$@" :: "$release" run "$policy" claude-code :: "$release" run "$policy" --all
	measure_hits -w 3 -n 50 "$@"
	row "hit over https: C program with libcurl's defaults" "$(wall 1)" ms - -
	row "hit over https: molbuild, times that" "$(wall 2)" ms "$(calc "$(wall 2) / $(wall 1)")" "ratio<=0.5"
	row "hit over https: --all (9 runtimes), times one" "$(wall 3)" ms "$(calc "$(wall 3) / $(wall 2)")" "ratio<=1.5"
	shown "https: C program, libcurl's defaults" "$(wall 1)"
	shown "https: molbuild" "$(wall 2)"
	if [ -n "$release" ]; then
		row "hit over https: the release file, times that" "$(wall 4)" ms "$(calc "$(wall 4) / $(wall 1)")" "ratio<=0.35"
		row "hit over https: the release file, --all, times one" "$(wall 5)" ms "$(calc "$(wall 5) / $(wall 4)")" "ratio<=1.5"
		shown "https: molbuild, the release file" "$(wall 4)"
	fi
	in_store=
}

# What `docker build URL` takes when all of its steps are cached, by a client that has BuildKit.
rebuild() {
	say "docker build of a URL, all cached"
	client=
	for client in docker /usr/bin/docker; do
		{ "$client" buildx version || "$client" version --format '{{.Client.Version}}' | grep -q '^[0-9]\{2\}\.' &&
			[ "$("$client" version --format '{{.Client.Version}}' | cut -d. -f1)" -lt 23 ]; } >/dev/null 2>&1 && break
		client=
	done
	[ -n "$client" ] || { say "no docker client with BuildKit here: docker build URL is not measured"; return 0; }
	forge_url=$http in_store=
	usual=$DOCKER_HOST
	if [ "$(id -u)" = 0 ]; then # an engine that reaches the forge: it clones itself
		mkdir "$dir/engine" && spec/support/engine.sh start "$dir/engine" --log-level=warn || fail "no engine"
		DOCKER_HOST=unix://$dir/engine/docker.sock
	fi
	make_template gemini-cli 'FROM scratch\nCOPY . /\n' 1000
	as_user "$molbuild" run -q "$policy" gemini-cli >"$dir/out" || fail "no build"
	program=$molbuild
	[ -z "$release" ] || program=$release
	measure_hits -w 2 -n 15 env DOCKER_BUILDKIT=1 "$client" build -q "$http/org/t-gemini-cli.git#main" :: \
		"$program" run "$policy" gemini-cli
	row "docker build URL#main, all cached, times a hit" "$(wall 1)" ms "$(calc "$(wall 1) / $(wall 2)")" "ratio>=15"
	shown "docker build URL#main, all cached" "$(wall 1)"
	rm -rf "$dir/cache"
	[ "$(id -u)" != 0 ] || spec/support/engine.sh stop "$dir/engine"
	DOCKER_HOST=$usual
}

# The bars as a picture. The longest may be off the scale: it is cut, and its number says how long it is.
picture() {
	[ -s "$dir/bars" ] || return 0
	awk -F '\t' -v file="$BUILD/hits.svg" '
		{ name[NR] = $1; value[NR] = $2 }
		END {
			widest = 0
			for (i = 1; i <= NR; i++) if (value[i] > widest && value[i] < 100) widest = value[i]
			height = NR * 26 + 44
			printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"%d\" font-family=\"sans-serif\" font-size=\"13\">\n", height >file
			print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>" >file
			print "<text x=\"10\" y=\"22\" font-weight=\"bold\">A hit, in milliseconds</text>" >file
			for (i = 1; i <= NR; i++) {
				y = i * 26 + 12
				length_ = value[i] > widest ? 400 : value[i] / widest * 380
				fill = name[i] ~ /molbuild/ ? "#2a78b8" : "#b9c4cf"
				printf "<text x=\"300\" y=\"%d\" text-anchor=\"end\">%s</text>\n", y + 14, name[i] >file
				printf "<rect x=\"308\" y=\"%d\" width=\"%.0f\" height=\"18\" fill=\"%s\"/>\n", y, length_, fill >file
				printf "<text x=\"%.0f\" y=\"%d\">%.3g</text>\n", 314 + length_, y + 14, value[i] >file
			}
			print "</svg>" >file
		}' "$dir/bars"
}
