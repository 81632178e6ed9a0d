#!/bin/sh
# Make the certificates of a test forge: certificates.sh DIR
#
#   ca.pem          the root of a private CA: what SSL_CERT_FILE names
#   server.pem      for localhost and 127.0.0.1, with the intermediate CA's behind it    (each .pem has a .key)
#   expired.pem     the same, its time over
#   wrong-host.pem  for another host
#   self-signed.pem for localhost and 127.0.0.1, signed by no CA
#   client.pem      for a client
set -eu
cd "$1"
here="DNS:localhost,IP:127.0.0.1"
day() {
	date -u -d "$1 days" +%y%m%d000000Z 2>/dev/null || date -u -v "${1}d" +%y%m%d000000Z
}

cat >openssl.cnf <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = \${ENV::CN}
[ca]
default_ca = forge
[forge]
database = \${ENV::CA}.index
serial = \${ENV::CA}.serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = none
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[leaf]
basicConstraints = CA:false
authorityKeyIdentifier = keyid
subjectAltName = \${ENV::SAN}
END
export CN="molbuild test" SAN="$here" CA=ca

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	chmod 600 "$1.key"
}

self_sign() {
	key "$1"
	openssl req -config openssl.cnf -x509 -new -key "$1.key" -days 30 -extensions "$2" -out "$1.pem"
}

# issue NAME EXTENSIONS FROM UNTIL: signed by $CA; the times are days from now.
issue() {
	key "$1"
	: >"$CA.index"
	[ -f "$CA.serial" ] || echo 01 >"$CA.serial"
	CN="molbuild test $1" openssl req -config openssl.cnf -new -key "$1.key" -out "$1.csr"
	openssl ca -batch -notext -config openssl.cnf -cert "$CA.pem" -keyfile "$CA.key" -extensions "$2" \
		-startdate "$(day "$3")" -enddate "$(day "$4")" -in "$1.csr" -out "$1.pem"
}

{
	self_sign ca authority
	self_sign self-signed leaf
	issue intermediate authority -9 +30
	CA=intermediate
	for name in server client expired wrong-host; do
		case $name in
		server) issue server leaf -2 +30 ;;
		client) issue client leaf -2 +30 ;;
		expired) issue expired leaf -9 -2 ;;
		wrong-host) SAN=DNS:elsewhere.example issue wrong-host leaf -2 +30 ;;
		esac
		cat intermediate.pem >>"$name.pem"
	done
} >openssl.log 2>&1 || { cat openssl.log >&2; exit 1; }
rm -f ./*.csr ./*.index* ./*.serial* ./0?.pem
