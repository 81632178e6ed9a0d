#!/bin/sh
# A cold runtime as a shell script does it, with no more than git and docker must do: cold.sh URL SHA TAG DIR
# DIR is made; the repository stays out of the tree, so that the build gets the same files. DOCKER_BUILDKIT says which builder.
set -eu
mkdir -p "$4/tree"
git init --quiet --bare "$4/git"
git --git-dir="$4/git" fetch --quiet --depth=1 --no-tags "$1" "$2"
git --git-dir="$4/git" --work-tree="$4/tree" checkout --quiet --force --detach FETCH_HEAD
oci=org.opencontainers.image
docker build --platform=linux/amd64 -t "$3" --label "$oci.revision=$2" --label "$oci.source=$1" \
	--label "$oci.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" --label "app.molecule.runtime=${1##*/t-}" --label app.molecule.branch=main \
	-f "$4/tree/Dockerfile" "$4/tree"
