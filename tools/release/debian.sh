# shellcheck shell=bash
# The Debian package of one architecture. It needs no library of the system.

# An address that no mail reaches: SECURITY.md and the homepage say how to reach the authors.
MAINTAINER=${RELEASE_MAINTAINER:-the molbuild authors <noreply@git.moleculesai.app>}

# In KiB, as dpkg-gencontrol counts: what du prints depends on the file system.
installed_size() { # DIRECTORY
	find "$1" -type f -printf '%s\n' -o -printf '1\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }'
}

write_control() { # ARCH ROOT
	local name built=
	for name in $PACKAGES; do built="$built${built:+, }$name (= $(version_of "$name"))"; done
	cat <<-CONTROL
		Package: molbuild
		Version: $VERSION
		Architecture: $1
		Maintainer: $MAINTAINER
		Installed-Size: $(installed_size "$2")
		Depends: ca-certificates, git
		Recommends: docker.io | docker-ce | podman
		Suggests: bash-completion
		Section: devel
		Priority: optional
		Homepage: $HOMEPAGE
		Built-Using: $built
		Description: make sure that container images exist, built from their templates
		 molbuild makes sure that the container image of a runtime exists on this
		 machine, built from exactly the commit that its template repository's branch
		 points at, and prints the tag. If the image exists, this takes milliseconds.
		 .
		 What it does is a policy in Lua, which can be replaced step by step.
	CONTROL
}

# dpkg's own form; what has changed is in the pages.
write_changelog() {
	cat <<-CHANGELOG
		molbuild ($VERSION) unstable; urgency=medium

		  * Release $VERSION: /usr/share/doc/molbuild/CHANGELOG.md.gz lists the changes.

		 -- $MAINTAINER  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
	CHANGELOG
}

write_copyright() {
	cat <<-COPYRIGHT
		molbuild is published at $HOMEPAGE

		$(cat LICENSE)

		Libraries that are linked into the program have their licences in
		/usr/share/doc/molbuild/licences.
	COPYRIGHT
}

# What lintian must know: all libraries are in the program on purpose, so that it runs on every distribution.
write_overrides() {
	cat <<-OVERRIDES
		# One static file: a start costs no dynamic linking, and needs no library of the system.
		molbuild: statically-linked-binary [usr/bin/molbuild]
		molbuild: shared-library-lacks-prerequisites [usr/bin/molbuild]
		molbuild: embedded-library *
	OVERRIDES
}

documents() { # ARCH DIRECTORY
	mkdir -p "$2"
	write_copyright >"$2/copyright"
	write_changelog | gzip -n -9 >"$2/changelog.gz"
	gzip -n -9 <CHANGELOG.md >"$2/CHANGELOG.md.gz"
	write_licences "$1" "$2/licences"
}

debian_package() { # ARCH
	local name=molbuild_${VERSION}_$1 root=$WORK/stage/deb
	rm -rf "$WORK/stage"
	stage_files "$1" "$root/usr" vendor-completions
	gzip -n -9 "$root/usr/share/man/man1/molbuild.1"
	documents "$1" "$root/usr/share/doc/molbuild"
	mkdir -p "$root/usr/share/lintian/overrides"
	write_overrides >"$root/usr/share/lintian/overrides/molbuild"
	chmod -R u+rwX,go+rX,go-w "$root"
	mkdir "$root/DEBIAN"
	write_control "$1" "$root/usr" >"$root/DEBIAN/control"
	(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	logged "$WORK/$1/deb.log" dpkg-deb --root-owner-group --threads-max=1 -Zxz --build "$root" "$OUT/$name.deb"
	say DEB "$OUT/$name.deb"
}
