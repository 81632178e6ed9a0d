# shellcheck shell=bash disable=SC2153
# The software bill of materials of one program: CycloneDX 1.5, as JSON. It lists all that is in the file, with the version of the
# distribution's source package.

# The licence of a package: an SPDX expression.
licence_of() {
	case $1 in
	openssl) echo Apache-2.0 ;;
	curl) echo curl ;;
	gcc-*) echo "GPL-3.0-or-later WITH GCC-exception-3.1" ;;
	*) echo MIT ;;
	esac
}

compiler_version() { # ARCH
	dpkg-query -W -f '${Version}' "$(compiler_package "$1")"
}

uri_encode() { sed 's/%/%25/g; s/+/%2B/g; s/:/%3A/g; s/~/%7E/g' <<<"$1"; }

reference_of() { # NAME VERSION
	echo "pkg:deb/$(sed -n "s/^ID=//p" /etc/os-release)/$(uri_encode "$1")@$(uri_encode "$2")?arch=source"
}

# What a library has that the distribution's has not.
change_of() {
	[ "$1" != curl ] || echo "libcurl does not start OpenSSL, which starts itself when it is first used"
}

# A version that is not the newest is marked, and a changed library.
component() { # NAME VERSION NEWEST
	local mark=
	[ "$2" = "$3" ] || mark=",
      \"properties\": [{ \"name\": \"molbuild:newest-version-not-available\", \"value\": \"$3\" }]"
	[ -z "$(change_of "$1")" ] || mark="$mark,
      \"pedigree\": { \"notes\": \"$(change_of "$1")\" }"
	cat <<-JSON
		    {
		      "type": "library",
		      "bom-ref": "$(reference_of "$1" "$2")",
		      "name": "$1",
		      "version": "$2",
		      "licenses": [{ "expression": "$(licence_of "$1")" }],
		      "purl": "$(reference_of "$1" "$2")"$mark
		    }
	JSON
}

# NAME VERSION NEWEST of each, one line each.
contents() { # ARCH
	local version
	version=$(compiler_version "$1")
	cat "$WORK/versions"
	echo "gcc-$(compiler_major "$1") $version $version"
}

# Lines of a JSON list, joined.
separated() { sed '$!s/$/,/'; }

# The number is made from the program, so that it is the same in every build of it.
serial_of() { # DIGEST
	sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/urn:uuid:\1-\2-5\3-8\4-\5/' <<<"$1"
}

sbom_head() { # ARCH DIGEST
	cat <<-JSON
		{
		  "bomFormat": "CycloneDX",
		  "specVersion": "1.5",
		  "serialNumber": "$(serial_of "$2")",
		  "version": 1,
		  "metadata": {
		    "timestamp": "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)",
		    "component": {
		      "type": "application",
		      "bom-ref": "molbuild",
		      "name": "molbuild",
		      "version": "$VERSION",
		      "hashes": [{ "alg": "SHA-256", "content": "$2" }],
		      "licenses": [{ "expression": "MIT" }],
		      "purl": "pkg:generic/molbuild@$VERSION?arch=$1",
		      "externalReferences": [{ "type": "website", "url": "$HOMEPAGE" }]
		    }
		  },
	JSON
}

write_sbom() { # ARCH
	local file=$OUT/molbuild-$VERSION-linux-$1.cdx.json name version newest first=1
	{
		sbom_head "$1" "$(sha256sum "$WORK/$1/program" | cut -d' ' -f1)"
		echo '  "components": ['
		contents "$1" | while read -r name version newest; do
			[ -n "$first" ] || echo "    ,"
			first=
			component "$name" "$version" "$newest"
		done
		echo '  ],'
		echo '  "dependencies": [{ "ref": "molbuild", "dependsOn": ['
		contents "$1" | while read -r name version newest; do echo "    \"$(reference_of "$name" "$version")\""; done | separated
		echo '  ] }]'
		echo '}'
	} >"$file"
	say SBOM "$file"
}
