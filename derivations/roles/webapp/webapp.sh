#!@busybox@/bin/sh
# Runs the web application from the store alone, as any user, on any host: nginx, and uwsgi with the program behind it.
#
#   webapp config        writes the configuration into the run directory and has nginx check it
#   webapp start         config, then both servers in the foreground; SIGTERM ends them with exit code 0
#   webapp health        exit code 0 if the running application and the servers that it needs answer
#   webapp exec TOOL …   a program of the closure (python3, …) in the application's own environment
#
# Parameters, as environment variables; relative file names are not accepted:
#   WEBAPP_RUN=/cab/run/webapp                 what is made again at each start: configuration, sockets, pids
#   WEBAPP_LISTEN=127.0.0.1:8080               address and port
#   WEBAPP_PROCESSES=2                         that answer requests, one each at a time
#   WEBAPP_REDIS_URL=redis://127.0.0.1:6379/0
#   WEBAPP_LDAP_URL=ldap://127.0.0.1:3890
#   WEBAPP_LDAP_BASE=dc=example,dc=org         below which people are searched
#   WEBAPP_LDAP_BIND_DN= WEBAPP_LDAP_PASSWORD_FILE=     as whom; anonymously if not given
#
# It knows no service manager, and starts neither redis nor a directory.
set -eu
umask 077

role=@out@
PATH=@nginx@/bin:@uwsgi@/bin:@python@/bin:@busybox@/bin
export PATH

run=${WEBAPP_RUN:-/cab/run/webapp}
listen=${WEBAPP_LISTEN:-127.0.0.1:8080}
processes=${WEBAPP_PROCESSES:-2}
redisUrl=${WEBAPP_REDIS_URL:-redis://127.0.0.1:6379/0}
ldapUrl=${WEBAPP_LDAP_URL:-ldap://127.0.0.1:3890}
ldapBase=${WEBAPP_LDAP_BASE:-dc=example,dc=org}
bindDn=${WEBAPP_LDAP_BIND_DN-} passwordFile=${WEBAPP_LDAP_PASSWORD_FILE-}

fail() {
  printf 'webapp: %s\n' "$1" >&2
  exit 1
}

usage() {
  sed -n '2,/^set -eu/{s/^# \{0,1\}//p;}' "$0" >&2
  exit 2
}

checkParameters() {
  # Both end up in nginx's configuration.
  case $run in
    *[!-A-Za-z0-9_./+@]*) fail "WEBAPP_RUN: expected letters, digits and any of _./+@- alone, found: $run" ;;
    /*) ;;
    *) fail "WEBAPP_RUN: expected an absolute path, found: $run" ;;
  esac
  [ "${#run}" -le 90 ] || fail "WEBAPP_RUN: a socket's path has at most 107 bytes; expected a directory of at most 90"
  case $listen in
    *[!-A-Za-z0-9.:*[\]]* | *[!0-9]) fail "WEBAPP_LISTEN: expected ADDRESS:PORT, found: $listen" ;;
    *:*) ;;
    *) fail "WEBAPP_LISTEN: expected ADDRESS:PORT, found: $listen" ;;
  esac
  case $processes in '' | 0 | *[!0-9]*) fail "WEBAPP_PROCESSES: expected a number, found: $processes" ;; esac
  case $bindDn:$passwordFile in
    : | ?*:/*) ;;
    *) fail "WEBAPP_LDAP_PASSWORD_FILE: expected an absolute path if WEBAPP_LDAP_BIND_DN is given, found: $passwordFile" ;;
  esac
  [ -z "$passwordFile" ] || [ -r "$passwordFile" ] || fail "WEBAPP_LDAP_PASSWORD_FILE: cannot read $passwordFile"
}

# Nothing of the caller's environment reaches the programs: PYTHONPATH, LDAPRC or LD_PRELOAD of the host would change what
# the closure does. LDAPNOINIT: no ldaprc of the host's either. PYTHONUTF8: whatever the locale is.
clean() {
  exec env -i PATH="$PATH" HOME="$run" TZ="${TZ-UTC0}" TERM="${TERM-dumb}" PYTHONUTF8=1 LDAPNOINIT=1 \
    WEBAPP_REDIS_URL="$redisUrl" WEBAPP_LDAP_URL="$ldapUrl" WEBAPP_LDAP_BASE="$ldapBase" \
    WEBAPP_LDAP_BIND_DN="$bindDn" WEBAPP_LDAP_PASSWORD_FILE="$passwordFile" "$@"
}

writeConfiguration() {
  checkParameters
  mkdir -p "$run" || fail "cannot make $run as user $(id -u)"
  # nginx as root would take an account for its workers that a host need not have.
  user=
  [ "$(id -u)" != 0 ] || user="user $(id -un) $(id -gn);"
  sed "s|@run@|$run|; s|@listen@|$listen|; s|@user@|$user|" "$role/etc/nginx.conf" > "$run/nginx.conf.new"
  mv "$run/nginx.conf.new" "$run/nginx.conf"
  (clean nginx -e stderr -q -t -c "$run/nginx.conf") || fail "nginx refuses $run/nginx.conf, see above"
}

# Both servers are children of this shell, and end with it: whichever ends first, or a signal, ends the other too.
serve() {
  ending= children=
  trap 'ending=asked; [ -z "$children" ] || kill $children 2> /dev/null' TERM INT
  # uwsgi imports from where it was started, before all else.
  cd "$run"
  clean uwsgi --strict --master --no-orphans --die-on-term --need-app --single-interpreter --vacuum \
    --processes "$processes" --harakiri 30 --worker-reload-mercy 10 \
    --socket "$run/uwsgi.sock" --chmod-socket=600 --virtualenv @python@ --module webapp &
  children=$!
  clean nginx -e stderr -c "$run/nginx.conf" &
  children="$children $!"
  # A signal that came between the two has ended the first alone.
  [ -n "$ending" ] || wait -n || true
  kill $children 2> /dev/null || true
  for child in $children; do
    # A further signal interrupts the wait, and not the server's end.
    while kill -0 "$child" 2> /dev/null; do wait "$child" || true; done
  done
  [ "$ending" = asked ] || fail "a server ended by itself, see above"
}

command=${1-}
[ $# -eq 0 ] || shift
case $command in
  config) writeConfiguration ;;
  start)
    writeConfiguration
    serve
    ;;
  health)
    checkParameters
    clean python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=15)' "http://$listen/health"
    ;;
  exec) [ $# -gt 0 ] || usage; clean "$@" ;;
  *) usage ;;
esac
