#!/bin/sh
# A forge for tests: nginx, fcgiwrap and git http-backend on free ports of 127.0.0.1.
#
#   forge.sh start DIR      DIR/ports says where it listens: lines of NAME PORT
#   forge.sh stop DIR       ends it; what is in DIR stays
#
# Ports: http; https (HTTP/2, too; a chain that DIR/tls/ca.pem vouches for); expired, self-signed and wrong-host (https with such a
# certificate); old-git (http whose git speaks no protocol v2, and so refuses a commit that no branch points at).
#
# Below DIR:
#   repos/ORG/REPO.git   what it serves, by git's smart HTTP and Gitea's branch API; the organisation "private" wants
#                        the token: API "Authorization: token TOKEN", git Basic with any user name and the token
#   token                the token
#   canned/PATH/         answers for a request of that path, see forge_cgi.lua
#   static/PATH          a file that nginx sends itself for GET of that path, as JSON
#   log/access.log       one line per request, separated by tabs: port name, method, URI, status, bytes sent, bytes received,
#                        yes|no (an Authorization header came), the Git-Protocol header, the time, the versions of HTTP and
#                        TLS, "r" for a resumed TLS session, the connection's number
#   log/users.log        the user name of every Basic authorization that git sent
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=spec/support/lives.sh
. "$here/lives.sh"
PORTS="http https expired self-signed wrong-host old-git"

fail() {
	echo "forge.sh: $*" >&2
	exit 1
}

find_program() {
	for name in "$@"; do
		PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/bin command -v "$name" && return 0
	done
	fail "$1 is not installed"
}

# STATE PARENT GROUP of all processes. ps would read much more.
states() {
	if [ -d /proc/self ]; then
		cat /proc/[0-9]*/stat 2>/dev/null | sed 's/^.*) //'
	else
		ps -A -o state= -o ppid= -o pgid=
	fi
}

group_lives() {
	states | awk -v group="$1" '$3 == group && $1 !~ /^Z/ { found = 1 } END { exit !found }'
}

random_port() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

choose_ports() {
	for name in $PORTS; do echo "$name $(random_port)"; done
}

port() {
	awk -v name="$2" '$1 == name { print $2 }' "$1/ports"
}

# server DIR NAME OPTIONS: one server of nginx.conf.
server() {
	cat <<-END
		  server {
		    listen 127.0.0.1:$(port "$1" "$2") $3;
		    set \$port_name $2;
		    $4
		    include locations.conf;
		  }
	END
}

tls() {
	echo "ssl_certificate tls/$1.pem; ssl_certificate_key tls/$1.key;"
}

configure() {
	dir=$1
	user=
	[ "$(id -u)" != 0 ] || user="user $(id -un) $(id -gn);"
	cat >"$dir/locations.conf" <<-END
		location / {
		  root $dir/static;
		  default_type application/json;
		  error_page 404 405 = @program;
		  log_not_found off;
		}
		location @program {
		  include fastcgi.conf;
		}
	END
	# The modules' temporary files must not go to the places that the distribution compiled in.
	cat >"$dir/fastcgi.conf" <<-END
		fastcgi_pass unix:$dir/fcgi.sock;
		fastcgi_buffering off;
		fastcgi_read_timeout 300;
		fastcgi_param SCRIPT_FILENAME $dir/forge.cgi;
		fastcgi_param REQUEST_METHOD \$request_method;
		fastcgi_param PATH_INFO \$uri;
		fastcgi_param REQUEST_URI \$request_uri;
		fastcgi_param QUERY_STRING \$query_string;
		fastcgi_param CONTENT_TYPE \$content_type;
		fastcgi_param CONTENT_LENGTH \$content_length;
		fastcgi_param SERVER_PROTOCOL \$server_protocol;
		fastcgi_param GATEWAY_INTERFACE CGI/1.1;
		fastcgi_param REMOTE_ADDR \$remote_addr;
		fastcgi_param FORGE_URL \$scheme://\$http_host;
		fastcgi_param HTTP_GIT_PROTOCOL \$git_protocol;
	END
	{
		cat <<-END
			daemon off;
			pid $dir/nginx.pid;
			error_log $dir/log/error.log;
			worker_processes 1;
			$user
			events { worker_connections 1024; }
			http {
			  map \$http_authorization \$authorized { default yes; "" no; }
			  map \$port_name \$git_protocol { default \$http_git_protocol; old-git ""; }
			  log_format forge '\$port_name\t\$request_method\t\$request_uri\t\$status\t\$bytes_sent\t\$request_length\t'
			    '\$authorized\t\$http_git_protocol\t\$msec\t\$server_protocol\t\$ssl_protocol\t\$ssl_session_reused\t\$connection';
			  access_log $dir/log/access.log forge;
			  ssl_protocols TLSv1.2 TLSv1.3;
			  client_max_body_size 0;
			  client_body_temp_path $dir/tmp/body;
			  proxy_temp_path $dir/tmp/proxy;
			  fastcgi_temp_path $dir/tmp/fastcgi;
			  uwsgi_temp_path $dir/tmp/uwsgi;
			  scgi_temp_path $dir/tmp/scgi;
		END
		server "$dir" http '' ''
		server "$dir" old-git '' ''
		server "$dir" https "ssl http2" "$(tls server)"
		server "$dir" expired ssl "$(tls expired)"
		server "$dir" self-signed ssl "$(tls self-signed)"
		server "$dir" wrong-host ssl "$(tls wrong-host)"
		echo '}'
	} >"$dir/nginx.conf"
}

start_program() {
	dir=$1
	lua=${LUA:-$(find_program lua5.4 lua-5.4 lua54 lua)} || exit 1
	fcgiwrap=$(find_program fcgiwrap) || exit 1
	cat >"$dir/forge.cgi" <<-END
		#!/bin/sh
		exec "$lua" "$here/forge_cgi.lua" "$dir" "$(git --exec-path)"
	END
	chmod 700 "$dir/forge.cgi"
	setsid env -i PATH="$PATH" HOME="$dir/home" LANG=C.UTF-8 GIT_CONFIG_NOSYSTEM=1 \
		"$fcgiwrap" -c 16 -s "unix:$dir/fcgi.sock" >"$dir/log/fcgiwrap.log" 2>&1 </dev/null &
	echo $! >"$dir/fcgiwrap.pid"
	for _ in $(seq 1 100); do
		[ -S "$dir/fcgi.sock" ] && return 0
		sleep 0.02
	done
	fail "fcgiwrap does not start, see $dir/log/fcgiwrap.log"
}

# Every port was free when nginx is asked to listen: it exits where one is taken, and others are tried.
start_nginx() {
	dir=$1
	nginx=$(find_program nginx) || exit 1
	set -- "$nginx" -p "$dir" -c "$dir/nginx.conf"
	# Before 1.19.5 it wrote a line to the compiled-in log before it read ours.
	if "$nginx" -h 2>&1 | grep -q -- '-e filename'; then set -- "$@" -e "$dir/log/error.log"; fi
	for _ in 1 2 3 4 5; do
		choose_ports >"$dir/ports"
		configure "$dir"
		setsid env -i PATH="$PATH" "$@" >"$dir/log/nginx.log" 2>&1 </dev/null &
		pid=$!
		for _ in $(seq 1 200); do
			[ -s "$dir/nginx.pid" ] && echo "$pid" >"$dir/server.pid" && return 0
			lives "$pid" || break
			sleep 0.02
		done
		kill "$pid" 2>/dev/null
	done
	cat "$dir/log/nginx.log" "$dir/log/error.log" >&2
	fail "nginx does not start, see above"
}

start() {
	mkdir -p "$1" || exit 1
	dir=$(cd "$1" && pwd)
	mkdir -p "$dir/repos" "$dir/canned" "$dir/static" "$dir/log" "$dir/tmp" "$dir/home" "$dir/tls" || exit 1
	[ -f "$dir/token" ] || echo "forge-token-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$dir/token"
	[ -f "$dir/tls/ca.pem" ] || "$here/certificates.sh" "$dir/tls" || fail "no certificates"
	: >"$dir/log/access.log"
	: >"$dir/log/users.log"
	start_program "$dir"
	start_nginx "$dir"
}

stop() {
	for name in server fcgiwrap; do
		[ -f "$1/$name.pid" ] || continue
		pid=$(cat "$1/$name.pid")
		# Each leads a group of its own, which holds its workers and the programs they run. None keeps anything.
		kill -s KILL -- "-$pid" 2>/dev/null
		for _ in $(seq 1 100); do
			group_lives "$pid" || break
			sleep 0.02
		done
		rm -f "$1/$name.pid"
	done
	rm -f "$1/fcgi.sock" "$1/nginx.pid"
}

[ $# = 2 ] || fail "usage: forge.sh start|stop DIR"
case $1 in
start) start "$2" ;;
stop) stop "$2" ;;
*) fail "usage: forge.sh start|stop DIR" ;;
esac
exit 0
