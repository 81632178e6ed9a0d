# shellcheck shell=bash
# Archives: of the program with what belongs to it, and of the sources.

# An archive of the directory NAME in $WORK/stage. Its bytes do not depend on the user or the place.
pack() { # NAME FILE
	find "$WORK/stage/$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	tar -C "$WORK/stage" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		--mode='u+rwX,go+rX,go-w' -cf - "$1" | gzip -n -9 >"$2"
	say PACK "$2"
}

# The licences of all that is linked into the program, as the distribution states them.
write_licences() { # ARCH DIRECTORY
	local name
	for name in $PACKAGES; do install -D -m 644 "$(source_of "$name")/debian/copyright" "$2/$name.txt"; done
	install -m 644 "$WORK/vendor/argparse.copyright" "$2/lua-argparse.txt"
	install -m 644 "/usr/share/doc/$(compiler_package "$1")/copyright" "$2/libgcc.txt"
}

# The program of this machine's architecture prints the completion of each shell; that text is the same for all architectures.
write_completion() { # SHELL FILE
	mkdir -p "${2%/*}"
	"$WORK/$(dpkg --print-architecture)/program" completion "$1" >"$2" || fail "molbuild completion $1 failed"
}

# The files below a prefix: what an archive and a package have in common.
stage_files() { # ARCH PREFIX ZSH-DIRECTORY
	make -s -C "$TREE" install-share DESTDIR= PREFIX="$2" >&2
	install -D -m 755 "$WORK/$1/program" "$2/bin/molbuild"
	write_completion bash "$2/share/bash-completion/completions/molbuild"
	write_completion zsh "$2/share/zsh/$3/_molbuild"
	write_completion fish "$2/share/fish/vendor_completions.d/molbuild.fish"
}

# molbuild-VERSION-linux-ARCH.tar.gz: its bin and share can be copied below any prefix.
binary_archive() { # ARCH
	local name=molbuild-$VERSION-linux-$1
	rm -rf "$WORK/stage"
	stage_files "$1" "$WORK/stage/$name" site-functions
	cp README.md LICENSE CHANGELOG.md "$WORK/stage/$name/"
	write_licences "$1" "$WORK/stage/$name/licences"
	pack "$name" "$OUT/$name.tar.gz"
}

# molbuild-VERSION.tar.gz: the commit, and lua-cjson and argparse, which become a part of the program. A build needs Lua, libcurl
# and OpenSSL: make VENDOR=vendor.
source_archive() {
	local name=molbuild-$VERSION
	rm -rf "$WORK/stage"
	mkdir -p "$WORK/stage/$name"
	git archive HEAD | tar -x -C "$WORK/stage/$name"
	cp -r "$WORK/vendor" "$WORK/stage/$name/vendor"
	pack "$name" "$OUT/$name.tar.gz"
}

# A formula that builds the source archive.
write_formula() {
	sed -e "s,@VERSION@,$VERSION,g; s,@HOMEPAGE@,$HOMEPAGE,g; s,@SHA256@,$(sha256sum "$OUT/molbuild-$VERSION.tar.gz" | cut -d' ' -f1)," \
		tools/release/molbuild.rb.in >"$OUT/molbuild.rb"
}
