#!/bin/sh
# The branch API of a forge, as a CGI program: GET /api/v1/repos/ORG/NAME/branches/BRANCH, answered from the repository.
answer() { # STATUS BODY
  printf 'Status: %s\r\nContent-Type: application/json\r\n\r\n%s' "$1" "$2"
  exit 0
}

if [ -f "$FORGE_DIR/canned/failures" ] && [ "$(cat "$FORGE_DIR/canned/failures")" -gt 0 ]; then
  left=$(cat "$FORGE_DIR/canned/failures")
  echo $((left - 1)) >"$FORGE_DIR/canned/failures"
  printf 'Status: 503\r\nRetry-After: 1\r\nContent-Type: text/plain\r\n\r\nbusy'
  exit 0
fi
if [ -f "$FORGE_DIR/canned/location" ]; then
  printf 'Status: 302\r\nLocation: %s\r\n\r\n' "$(cat "$FORGE_DIR/canned/location")"
  exit 0
fi
if [ -f "$FORGE_DIR/canned/status" ]; then
  printf 'Status: %s\r\nContent-Type: application/json\r\n\r\n' "$(cat "$FORGE_DIR/canned/status")"
  cat "$FORGE_DIR/canned/body"
  exit 0
fi

path=${PATH_INFO#/api/v1/repos/}
org=${path%%/*}
rest=${path#*/}
name=${rest%%/*}
branch=${rest#*/branches/}
if [ "$org" = private ] && [ "${HTTP_AUTHORIZATION:-}" != "token $(cat "$FORGE_DIR/token")" ]; then
  answer 401 '{"message":"token is required","url":"/api/swagger"}'
fi
sha=$(git --git-dir="$FORGE_DIR/repos/$org/$name.git" rev-parse --verify --quiet "refs/heads/$branch") ||
  answer 404 '{"errors":null,"message":"The target couldn'"'"'t be found.","url":"/api/swagger"}'
answer 200 '{"protection":{"id":"0000000000000000000000000000000000000000"},"name":"'"$branch"'","commit":{"author":{"id":7,"name":"a"},"id":"'"$sha"'","message":"x","url":"u","timestamp":"2026-01-01T00:00:00Z"},"protected":false}'
