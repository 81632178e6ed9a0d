# shellcheck shell=bash
# The sources of what is linked into the program: packages of the distribution, at the versions of its security updates. apt checks
# the signature of the lists, and by them the digest of every file.
#
# The system's own configuration of apt is read and left alone: a private one gets its "deb" lines, and "deb-src" lines like them.

# In the order of their build; and one that the Makefile compiles with the program.
LIBRARIES="musl openssl nghttp2 curl lua5.4"
PACKAGES="$LIBRARIES lua-cjson"
# Lua text: what its binary package holds is its source.
TEXT_PACKAGES="lua-argparse"

private_apt() { # PROGRAM ARGUMENTS...
	local program=$1
	shift
	"$program" -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$WORK/apt/sources.list.d" \
		-o Dir::State::Lists="$WORK/apt/lists" -o Dir::Cache="$WORK/apt/cache" -o APT::Sandbox::User="$(id -un)" \
		-o Debug::NoLocking=1 "$@"
}

# What the system installs from, and the sources of the same.
with_sources() { # DIRECTORY-OF-APT INTO
	local file
	for file in "$1/sources.list" "$1"/sources.list.d/*.list; do
		[ ! -f "$file" ] || sed -nE 's/^deb[[:space:]].*/&\n&/p' "$file" | sed -E 'n;s/^deb/deb-src/' >"$2/${file##*/}"
	done
	for file in "$1"/sources.list.d/*.sources; do
		[ ! -f "$file" ] || sed -E 's/^Types:.*/Types: deb deb-src/' "$file" >"$2/${file##*/}"
	done
}

private_lists() {
	rm -rf "$WORK/apt/sources.list.d"
	mkdir -p "$WORK/apt/sources.list.d" "$WORK/apt/lists/partial" "$WORK/apt/cache/archives/partial"
	with_sources /etc/apt "$WORK/apt/sources.list.d"
	logged "$WORK/apt/update.log" private_apt apt-get update
}

# The versions of a source package, the newest first.
versions_of() {
	private_apt apt-cache --only-source showsrc "$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru
}

# Download and unpack one version, with the distribution's patches, into sources/NAME-VERSION.
unpack_source() { # NAME VERSION
	local name=$1 version=$2 into=$WORK/sources/$1-$2 incoming=$WORK/sources/incoming
	[ ! -d "$into" ] || return 0
	rm -rf "$incoming" "$into.new"
	mkdir -p "$incoming"
	(cd "$incoming" && private_apt apt-get source -q --download-only "$name=$version") >"$WORK/sources/$name.log" 2>&1 || return 1
	# apt has checked the files. The keys of the maintainers who signed the package itself are not needed.
	(cd "$incoming" && dpkg-source --no-check --no-copy -x ./*.dsc "$into.new") >>"$WORK/sources/$name.log" 2>&1 || return 1
	mv "$into.new" "$into"
	rm -rf "$incoming"
}

# A mirror may lack the files of the newest version, although its lists name it. What is used instead is printed, and the SBOM
# names both. RELEASE_NEWEST=1 makes it an error. Prints NAME VERSION NEWEST.
take_source() { # NAME
	local name=$1 newest="" version
	for version in $(versions_of "$name"); do
		newest=${newest:-$version}
		if unpack_source "$name" "$version"; then
			[ "$version" = "$newest" ] || warn "$name $newest cannot be downloaded; $version is used"
			echo "$name $version $newest"
			return
		fi
		[ -z "${RELEASE_NEWEST:-}" ] || break
	done
	[ -n "$newest" ] || fail "the distribution has no source package $name" "Debian 12 has all: $PACKAGES"
	fail "cannot download the source package $name $newest: $(tail -n 1 "$WORK/sources/$name.log")"
}

take_text() { # NAME
	local name=$1 version incoming=$WORK/sources/incoming
	version=$(private_apt apt-cache show --no-all-versions "$name" | sed -n 's/^Version: //p')
	if [ ! -d "$WORK/sources/$name-$version" ]; then
		rm -rf "$incoming"
		mkdir -p "$incoming"
		(cd "$incoming" && private_apt apt-get download -q "$name=$version") >"$WORK/sources/$name.log" 2>&1 ||
			fail "cannot download the package $name: $(tail -n 1 "$WORK/sources/$name.log")"
		dpkg-deb -x "$incoming"/*.deb "$WORK/sources/$name-$version"
		rm -rf "$incoming"
	fi
	echo "$name $version $version"
}

# All sources, and the file "versions": NAME VERSION NEWEST, one line each.
fetch_sources() {
	local name
	command -v apt-get >/dev/null && command -v dpkg-source >/dev/null || fail "no apt-get or dpkg-source" "use Debian or Ubuntu"
	say APT "$WORK/sources"
	private_lists
	{
		for name in $PACKAGES; do take_source "$name"; done
		for name in $TEXT_PACKAGES; do take_text "$name"; done
	} >"$WORK/versions.new"
	mv "$WORK/versions.new" "$WORK/versions"
}

version_of() { awk -v name="$1" '$1 == name { print $2 }' "$WORK/versions"; }
source_of() { echo "$WORK/sources/$1-$(version_of "$1")"; }
