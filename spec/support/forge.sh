#!/bin/sh
# forge.sh start DIR: a forge on loopback: nginx, fcgiwrap, git http-backend, and the branch API. DIR/repos holds the
# bare repositories, as ORG/NAME.git; DIR/http and DIR/https hold the two URLs; DIR/ca.pem signs the certificate.
# Repositories of the organisation "private" want the token in DIR/token. DIR/canned/STATUS and DIR/canned/BODY, when
# they are there, are the API's answer to everything. DIR/access.log tells method, path, status, bytes, and whether an
# Authorization header came.
# forge.sh stop DIR
set -u
dir=$2
here=$(cd "$(dirname "$0")" && pwd)

free_port() {
  # A port nobody listens on now; the kernel's choice is not to be had from a shell.
  while :; do
    port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
    grep -q ":$(printf %04X "$port") " /proc/net/tcp 2>/dev/null || break
  done
  echo "$port"
}

certificates() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=forge test CA" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=localhost" \
    -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
  printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$dir/ext"
  openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
    -extfile "$dir/ext" -out "$dir/server.pem" 2>/dev/null
}

configure() {
  # nginx takes parameters from the outside only where a location has none of its own.
  cat >"$dir/params" <<CONF
  fastcgi_param QUERY_STRING \$query_string; fastcgi_param REQUEST_METHOD \$request_method;
  fastcgi_param CONTENT_TYPE \$content_type; fastcgi_param CONTENT_LENGTH \$content_length;
  fastcgi_param SERVER_PROTOCOL \$server_protocol; fastcgi_param REMOTE_ADDR 127.0.0.1;
  fastcgi_param HTTP_AUTHORIZATION \$http_authorization; fastcgi_param FORGE_DIR $dir;
  fastcgi_param GIT_PROJECT_ROOT $dir/repos; fastcgi_param GIT_HTTP_EXPORT_ALL 1;
CONF
  cat >"$dir/nginx.conf" <<CONF
daemon on; pid $dir/nginx.pid; error_log $dir/error.log; worker_processes 1;
$([ "$(id -u)" = 0 ] && echo "user root;")
events { worker_connections 256; }
http {
  server_tokens off; client_max_body_size 64m;
  client_body_temp_path $dir/tmp; proxy_temp_path $dir/tmp; fastcgi_temp_path $dir/tmp;
  uwsgi_temp_path $dir/tmp; scgi_temp_path $dir/tmp;
  map \$http_authorization \$has_auth { default yes; "" no; }
  log_format forge '\$request_method \$request_uri \$status \$body_bytes_sent auth=\$has_auth port=\$server_port';
  access_log $dir/access.log forge;
  server {
    listen 127.0.0.1:$http; listen 127.0.0.1:$https ssl;
    ssl_certificate $dir/server.pem; ssl_certificate_key $dir/server.key;
    location /api/ { include $dir/params; fastcgi_param SCRIPT_FILENAME $here/forge-api.sh; fastcgi_param PATH_INFO \$uri; fastcgi_pass unix:$dir/cgi.sock; }
    location /moved/ { return 301 http://127.0.0.1:$other\$request_uri; }
    location / { include $dir/params; fastcgi_param SCRIPT_FILENAME $here/forge-git.sh; fastcgi_param PATH_INFO \$uri;
      fastcgi_param HTTP_GIT_PROTOCOL \$http_git_protocol; fastcgi_pass unix:$dir/cgi.sock; }
  }
  # A server that knows protocol version 0 only, and gives no commit by its id.
  server {
    listen 127.0.0.1:$old;
    location /api/ { include $dir/params; fastcgi_param SCRIPT_FILENAME $here/forge-api.sh; fastcgi_param PATH_INFO \$uri; fastcgi_pass unix:$dir/cgi.sock; }
    location / { include $dir/params; fastcgi_param HTTP_GIT_PROTOCOL ""; fastcgi_param SCRIPT_FILENAME $here/forge-git.sh; fastcgi_param PATH_INFO \$uri; fastcgi_pass unix:$dir/cgi.sock; }
  }
  # Another host, as far as an origin goes: what comes here is written down.
  server { listen 127.0.0.1:$other; location / { return 200 'other'; } }
}
CONF
}

start() {
  mkdir -p "$dir/repos" "$dir/tmp"
  : >"$dir/access.log"
  certificates
  http=$(free_port) https=$(free_port) old=$(free_port) other=$(free_port)
  configure
  echo "http://127.0.0.1:$http" >"$dir/http"
  echo "https://127.0.0.1:$https" >"$dir/https"
  echo "http://127.0.0.1:$old" >"$dir/old"
  echo "$other" >"$dir/other"
  echo "secret-token-0123456789abcdef" >"$dir/token"
  PATH=$PATH:/usr/sbin:/sbin
  fcgiwrap -f -c 4 -s "unix:$dir/cgi.sock" >"$dir/cgi.log" 2>&1 </dev/null &
  echo $! >"$dir/cgi.pid"
  nginx -c "$dir/nginx.conf" -e "$dir/error.log" -p "$dir" </dev/null || exit 1
  tries=0
  while [ ! -S "$dir/cgi.sock" ] || [ ! -s "$dir/nginx.pid" ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || exit 1
    sleep 0.05
  done
}

stop() {
  for name in nginx cgi; do
    [ -s "$dir/$name.pid" ] || continue
    pid=$(cat "$dir/$name.pid")
    kill "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  done
  rm -rf "$dir"
}

case $1 in
  start) start ;;
  stop) stop ;;
  *) exit 2 ;;
esac
