#!/bin/sh
# Make what the worlds of integration specs have in common, once for a whole run: shared.sh DIR
#
#   tls/        the forges' certificates (certificates.sh)
#   clients     the docker clients of this machine (clients.sh)
#   template/   for git init --template: it has the one large file of the template repositories, packed. To compress it again for
#               each repository, and for each fetch of it, would take longer than most cases
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/tls" "$1/template/info" "$1/template/objects/pack"
cd "$1"
"$here/certificates.sh" "$PWD/tls"
PATH=$PATH:/usr/bin "$here/clients.sh" >clients

# The repositories are thrown away: nothing needs to reach a disk, nothing is collected, and a branch that a spec moves leaves no
# reflog, so that its old commits can go.
cat >template/config <<END
[core]
	fsync = none
	logAllRefUpdates = false
[gc]
	auto = 0
[maintenance]
	auto = false
[receive]
	denyCurrentBranch = ignore
END
git init -q --bare object-store
git --git-dir=object-store hash-object -w /bin/busybox >object
git --git-dir=object-store pack-objects -q template/objects/pack/pack <object >/dev/null
rm -rf object-store object
