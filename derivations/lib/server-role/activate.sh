#!@busybox@/bin/sh
# Makes a host run this role: as whoever calls it, with nothing but the closure. docs/formats/role.md describes each call,
# what it prints and its exit codes.
#
#   activate check|plan|apply|up --params FILE     apply: make the running services those of this role
#   activate --systemd system|user apply|boot …    the same, as units of the host's systemd; boot: the current generation
#   activate supervise|stop                        the supervisor, in the foreground; the end of it and of all services
#   activate halt                                  the end of all services; the supervisor goes on
#   activate status|health|drift|state             what runs, whether it works, what was changed, formats of data
#   activate backup NAME FILE                      the data as text, compressed, with its digest beside it
#   activate restore NAME FILE --params FILE       stops the services, and makes new data from such a file
#   activate version NAME TARGET                   stops the services, and makes older data, as `state` names it, current
#
# It knows no generations and no other host. It reads role.sh and the folders beside it, which the build made.
set -eu
umask 077
role=@out@
PATH=@busybox@/bin
export PATH
libexec=$role/libexec
. "$libexec/role.sh"
. "$libexec/parameters.sh"
. "$libexec/services.sh"
. "$libexec/state.sh"

run=/cab/run/$ROLE
state=/cab/state/$ROLE

FAILED=1 USAGE=2 OTHER_FORMAT=3 NOT_SUPERVISED=4 BUSY=5

fail() {
  printf '%s: %s\n' "$ROLE" "$1" >&2
  exit "${2-$FAILED}"
}

# One line of words, for programs.
event() {
  line=$1
  shift
  for word in "$@"; do line="$line	$word"; done
  printf '%s\n' "$line"
}

usage() {
  sed -n '2,/^set -eu/{s/^# \{0,1\}//p;}' "$0" >&2
  exit "$USAGE"
}

isRoot() { [ "$(id -u)" = 0 ]; }

# Everything below run/ is private; as root, services of other users pass through it to what is theirs.
makeRun() {
  mkdir -p "$run" "$run/etc" "$run/secrets" "$run/service" "$run/fingerprints" "$run/work" "$state" ||
    fail "cannot make $run and $state as user $(id -u): does somebody else own them?"
  [ -w "$state" ] || fail "cannot write to $state as user $(id -u)"
  if isRoot; then
    chmod 711 "$run" "$state"
    chmod 755 "$run/etc"
    chmod 711 "$run/secrets"
    [ -z "${WORK_OWNER-}" ] || chown "$WORK_OWNER:$WORK_OWNER" "$run/work"
  fi
}

# Only one activation at a time; the lock ends with this process.
lockRun() {
  exec 8> "$run/lock"
  flock -n 8 || fail "another activation is going on" "$BUSY"
}

paramsFile=
takeParams() {
  [ "${1-}" = --params ] && [ $# -eq 2 ] || usage
  paramsFile=$2
}

# Renders everything beside what is in use: parameters, secrets, files.
prepare() {
  next=$1
  rm -rf "$next"
  mkdir -p "$next/etc" "$next/secrets"
  readParams "$paramsFile"
  checkParams
  writeParams "$next/params"
  takeSecrets "$next/secrets"
  renderFiles "$next/etc"
}

apply() {
  makeRun
  lockRun
  isRoot || [ -z "$USERS" ] || printf '%s: only root can have services run as %s; all run as user %s\n' "$ROLE" "$USERS" "$(id -u)" >&2
  beginSystemd
  supervised || fail "its supervisor does not run" "$NOT_SUPERVISED"
  prepare "$run/.next"
  requireFormats
  decide "$next"
  printPlan
  stopServices "$gone $changed"
  install "$next"
  makeStates
  startSteps
}

# When the host has started: the current generation, or where a switch had converted the data already, the one that can read it.
boot() {
  profile=/cab/var/profiles/$ROLE
  for link in current pending; do
    [ -L "$profile/$link" ] || continue
    generation=$profile/$(readlink "$profile/$link")
    code=0
    "$generation/bin/activate" --systemd "$systemd" apply --params "$generation.params" || code=$?
    [ "$code" = "$OTHER_FORMAT" ] || exit "$code"
  done
  fail "no generation of $profile can be started"
}

# Which systemd has the services, if any: as is said, or as was said to the activation that started them.
systemd=
if [ "${1-}" = --systemd ]; then
  systemd=${2-}
  shift $(($# > 1 ? 2 : 1))
elif [ -e "$run/systemd" ]; then
  systemd=$(cat "$run/systemd")
fi
case $systemd in
  '') ;;
  system | user) . "$libexec/systemd.sh" ;;
  *) usage ;;
esac

command=${1-}
[ $# -eq 0 ] || shift
case $command in
  check)
    takeParams "$@"
    makeRun
    prepare "$run/.check.$$"
    rm -rf "$next"
    requireFormats
    ;;
  plan)
    takeParams "$@"
    makeRun
    prepare "$run/.check.$$"
    decide "$next"
    printPlan
    rm -rf "$next"
    ;;
  apply)
    takeParams "$@"
    apply
    ;;
  boot)
    [ -n "$systemd" ] || usage
    boot
    ;;
  supervise) supervise : ;;
  up)
    takeParams "$@"
    supervise apply
    ;;
  stop)
    makeRun
    lockRun
    stopSupervisor
    ;;
  halt)
    makeRun
    lockRun
    stopServices "$(installed)"
    ;;
  status) printStatus ;;
  health) probeHealth ;;
  drift) printDrift ;;
  state) printStates ;;
  backup)
    [ $# -eq 2 ] || usage
    backup "$1" "$2"
    ;;
  restore)
    [ $# -eq 4 ] || usage
    restored=$1 from=$2
    shift 2
    takeParams "$@"
    makeRun
    lockRun
    prepare "$run/.next"
    requireBackup "$restored" "$from"
    gone= changed=
    stopServices "$(installed)"
    install "$next"
    restore "$restored" "$from"
    ;;
  version)
    [ $# -eq 2 ] || usage
    makeRun
    lockRun
    stopServices "$(installed)"
    useVersion "$1" "$2"
    ;;
  *) usage ;;
esac
