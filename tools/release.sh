#!/usr/bin/env bash
# Make the files of a release (make release): for each architecture the archive of one static program, its Debian package and its
# SBOM; the source archive, and a Homebrew formula that builds it; and the digests of all. Two runs for one commit give the same
# bytes.
#
#   tools/release.sh [ARCH...]   amd64 and arm64 without one
#
#   RELEASE_OUT         where the files go (build/release)
#   RELEASE_WORK        what is kept between runs: sources, libraries, objects (build/release-work)
#   RELEASE_NEWEST=1    fail, where a mirror lacks the newest version of a source package
#   SOURCE_DATE_EPOCH   the date of all files; without it that of the last commit
set -euo pipefail
cd "$(dirname "$0")/.."

export TREE WORK OUT JOBS SOURCE_DATE_EPOCH VERSION HOMEPAGE
TREE=$PWD
OUT=$(realpath -m "${RELEASE_OUT:-build/release}")
WORK=$(realpath -m "${RELEASE_WORK:-build/release-work}")
JOBS=$(getconf _NPROCESSORS_ONLN)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
VERSION=$(cat VERSION)
HOMEPAGE=https://git.moleculesai.app/molecule-ai/molbuild

for part in common sources toolchain libraries program archive debian sbom; do
	# shellcheck source=/dev/null
	. "tools/release/$part.sh"
done

# A make above must not give its options and job server to other projects' builds.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES BUILD

release() { # ARCH...
	local arch
	case $TREE$WORK in *[[:space:]]*) fail "the path $WORK or $TREE has a space, which configure scripts refuse" ;; esac
	mkdir -p "$WORK" "$OUT"
	[ -z "$(git status --porcelain)" ] || warn "this tree has changes that are in no commit; the source archive lacks them"
	exec 9>"$WORK/lock"
	flock 9
	fetch_sources
	lay_vendor
	for arch in "$@"; do
		build_libraries "$arch"
		build_program "$arch"
	done
	rm -rf "${OUT:?}"/*
	source_archive
	for arch in "$@"; do
		binary_archive "$arch"
		debian_package "$arch"
		write_sbom "$arch"
	done
	write_formula
	(cd "$OUT" && sha256sum -- * >"$WORK/SHA256SUMS" && mv "$WORK/SHA256SUMS" .)
	ls -l "$OUT" >&2
}

[ $# -gt 0 ] || set -- amd64 arm64
release "$@"
