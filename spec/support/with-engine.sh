#!/bin/sh
# Run a command with DOCKER_HOST set to an engine that tests may use: with-engine.sh COMMAND [ARGUMENT...]
#
# As root that is a private one, started here and ended after the command; otherwise the engine that DOCKER_HOST (or
# the usual socket) names. Without any, it fails: tests that need an engine do not pass by being left out. The exit
# status is the command's.
set -u
here=$(cd "$(dirname "$0")" && pwd)

end() {
	"$here/engine.sh" stop "$dir"
	rm -rf "$dir"
}

if [ "$(id -u)" = 0 ] && [ "$(uname -s)" = Linux ]; then
	dir=$(mktemp -d "${TMPDIR:-/tmp}/engine.XXXXXX") || exit 1
	trap end EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	"$here/engine.sh" start "$dir" || exit 1
	DOCKER_HOST=unix://$dir/docker.sock
	export DOCKER_HOST
elif docker version >/dev/null 2>&1; then
	# A context is not seen by everyone: name the endpoint.
	if [ -z "${DOCKER_HOST:-}" ]; then
		DOCKER_HOST=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)
		DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
		export DOCKER_HOST
	fi
else
	echo "with-engine.sh: no Docker engine: be root (a private one is started), or set DOCKER_HOST" >&2
	exit 1
fi

"$@"
