#!/bin/sh
# git http-backend, with a login for the organisation "private".
org=${PATH_INFO#/}
org=${org%%/*}
if [ "$org" = private ]; then
  wanted="Basic $(printf 'oauth2:%s' "$(cat "$FORGE_DIR/token")" | base64 -w 0)"
  if [ "${HTTP_AUTHORIZATION:-}" != "$wanted" ]; then
    printf 'Status: 401\r\nWWW-Authenticate: Basic realm="forge"\r\nContent-Type: text/plain\r\n\r\nlogin'
    exit 0
  fi
fi
# A forge serves ORG/NAME and ORG/NAME.git alike.
case $PATH_INFO in
  *.git/*) ;;
  */info/refs) PATH_INFO=${PATH_INFO%/info/refs}.git/info/refs ;;
  */git-upload-pack) PATH_INFO=${PATH_INFO%/git-upload-pack}.git/git-upload-pack ;;
esac
export PATH_INFO
[ -z "${HTTP_GIT_PROTOCOL:-}" ] || export GIT_PROTOCOL="$HTTP_GIT_PROTOCOL"
HOME=$FORGE_DIR
export HOME
if [ -f "$FORGE_DIR/slow" ]; then sleep "$(cat "$FORGE_DIR/slow")"; fi
exec git -c safe.directory='*' http-backend
