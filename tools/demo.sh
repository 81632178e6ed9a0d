#!/bin/sh
# The main job on a small template: a template repository in a temporary directory, its image built by the Docker Engine
# of this machine, or by one that is started for the demo if none answers. Removes all its files.
#
# MOLBUILD is the program (build/molbuild).
set -eu
cd "$(dirname "$0")/.."
molbuild=${MOLBUILD:-build/molbuild}
engine_sh=spec/support/engine.sh
runtime=claude-code
image=molecule-local/workspace-template-$runtime
dir=$(mktemp -d "${TMPDIR:-/tmp}/molbuild-demo.XXXXXX")
as_root=
own_engine=
answers=
tag=
before=

clean_up() {
	if [ -n "$own_engine" ]; then
		$as_root $engine_sh stop "$dir/engine"
		$as_root rm -rf "$dir/engine"
	elif [ -n "$answers" ]; then
		# Restore :latest as it was before the demo.
		docker image rm -f "${tag:-$image:latest}" "$image:latest" >/dev/null 2>&1 || true
		[ -z "$before" ] || docker image tag "$before" "$image:latest"
	fi
	rm -rf "$dir"
}

say() {
	echo "demo: $*" >&2
}

become_root() {
	[ "$(id -u)" != 0 ] || return 0
	command -v sudo >/dev/null || return 1
	as_root=sudo
	# Without a terminal, sudo's question gets no answer.
	if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

start_engine() {
	if [ "$(uname -s)" != Linux ] || ! command -v dockerd >/dev/null || ! become_root; then
		say "no Docker Engine answers, and none can be started here (it takes Linux, dockerd and root): start yours" \
			"(or get access to it: id -nG should list the group docker), and try again"
		exit 3
	fi
	say "no Docker Engine answers: starting one for the demo"
	mkdir "$dir/engine"
	own_engine=1
	$as_root $engine_sh start "$dir/engine"
	[ -z "$as_root" ] || sudo chown "$(id -u)" "$dir/engine/docker.sock"
	unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
	export DOCKER_HOST="unix://$dir/engine/docker.sock"
}

# make_template DIRECTORY: a git repository, in the form of a forge's.
make_template() {
	mkdir "$1"
	if [ "$(uname -s)" = Linux ]; then
		cp "$(command -v busybox)" "$1/busybox"
		printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' >"$1/Dockerfile"
	else
		echo 'FROM busybox' >"$1/Dockerfile"
	fi
	printf '%s\n' 'CMD ["/bin/busybox", "echo", "hello from the template"]' >>"$1/Dockerfile"
	git -C "$1" init --quiet
	git -C "$1" checkout --quiet -b main 2>/dev/null || git -C "$1" symbolic-ref HEAD refs/heads/main
	git -C "$1" add --all
	git -C "$1" -c user.name=demo -c user.email=demo@localhost -c commit.gpgSign=false commit --quiet -m "A template"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if docker version >/dev/null 2>&1; then
	before=$(docker image inspect --format '{{.Id}}' "$image:latest" 2>/dev/null || true)
	answers=1
else
	start_engine
fi

unset MOLECULE_IMAGE_REGISTRY MOLECULE_GITEA_TOKEN MOLECULE_HEAD_LOOKUP
make_template "$dir/molecule-ai-workspace-template-$runtime"
export MOLECULE_LOCAL_TEMPLATE_REPO_PREFIX="file://$dir/molecule-ai-workspace-template-"
export MOLECULE_LOCAL_BUILD_CACHE="$dir/cache"
MOLECULE_IMAGE_PLATFORM=linux/$(docker version --format '{{.Server.Arch}}')
export MOLECULE_IMAGE_PLATFORM

say "molbuild run ensure.lua $runtime"
tag=$("$molbuild" run ensure.lua "$runtime")
echo "$tag"
say "docker run --rm --network none $tag"
docker run --rm --network none "$tag"
