# The same services as units of the host's systemd, where that is PID 1 and /cab physically there: takes the place of the parts
# of services.sh that speak to runit. Which of the host's managers: $systemd, system or user. Part of bin/activate.

unitOf() { printf 'cab-%s-%s.service' "$ROLE" "$1"; }

# The host's own program, as is the manager that it speaks to.
ctl() { PATH=/usr/bin:/bin:/run/current-system/sw/bin systemctl "--$systemd" --quiet "$@"; }

property() { ctl show --property "$2" --value "$(unitOf "$1")" 2> /dev/null || :; }

# Units live as long as the host does; the one that brings them back at boot stays.
runtimeUnits() {
  case $systemd in
    system) printf /run/systemd/system ;;
    user) printf '%s/systemd/user' "${XDG_RUNTIME_DIR:?systemd\'s user manager is reached by XDG_RUNTIME_DIR}" ;;
  esac
}

lastingUnits() {
  case $systemd in
    system) printf /etc/systemd/system ;;
    user) printf '%s/systemd/user' "${XDG_CONFIG_HOME:-$HOME/.config}" ;;
  esac
}

supervised() { ctl show --property Version > /dev/null 2>&1; }

# Services are systemd's from here on; if they are not yet, nobody else may have them.
beginSystemd() {
  if [ ! -e "$run/systemd" ] && [ -e "$run/supervisor.lock" ]; then
    flock -n "$run/supervisor.lock" true || fail "it runs under a supervisor of its own; end that first: activate stop"
  fi
  printf '%s\n' "$systemd" > "$run/systemd"
  enableBoot
}

supervise() { fail "systemd runs its services; activate apply changes them" "$USAGE"; }

isUp() { [ "$(property "$1" ActiveState)" = active ]; }

installService() {
  directory=$(service "$1")
  rm -rf "$directory.new"
  mkdir -p "$directory.new"
  cp "$libexec/services/$1"/* "$directory.new"
  cp "$libexec/run.sh" "$directory.new/run"
  chmod 700 "$directory.new/run"
  rm -rf "$directory"
  mv -T "$directory.new" "$directory"
  units=$(runtimeUnits)
  mkdir -p "$units"
  cp "$role/lib/systemd/$(unitOf "$1")" "$units/.$1.new"
  mv -f "$units/.$1.new" "$units/$(unitOf "$1")"
  reload=1
}

removeService() {
  rm -rf "$(service "$1")"
  rm -f "$(runtimeUnits)/$(unitOf "$1")" "$run/fingerprints/$1"
  ctl daemon-reload
}

startUnit() {
  [ -z "${reload-}" ] || ctl daemon-reload
  reload=
  ctl reset-failed "$(unitOf "$1")" 2> /dev/null || :
  ctl start "$(unitOf "$1")" || :
}

stopService() {
  rm -f "$run/fingerprints/$1"
  # Units are forgotten when the host restarts.
  [ "$(property "$1" LoadState)" = loaded ] || return 0
  ctl stop "$(unitOf "$1")" || fail "$1 does not end"
}

failuresOf() {
  failures=$(property "$1" NRestarts)
  [ "$(property "$1" ActiveState)" != failed ] || failures=3
  printf '%s' "${failures:-0}"
}

lastWords() { ctl status --lines 10 --no-pager "$(unitOf "$1")" || :; }

stopSupervisor() { stopServices "$(installed)"; }

statusOf() {
  word=down
  case $(property "$1" ActiveState) in
    active) word=run ;;
    deactivating) word=finish ;;
  esac
  pid=$(property "$1" MainPID)
  [ "$pid" != 0 ] || pid=
  began=$(property "$1" ActiveEnterTimestampMonotonic)
  read -r up _ < /proc/uptime
  seconds=
  [ "$word" != run ] || seconds=$((${up%.*} - began / 1000000))
}

# The unit that applies the current generation when the host has started.
enableBoot() {
  units=$(lastingUnits)
  boot=cab-$ROLE.service
  case $systemd in system) target=multi-user.target ;; user) target=default.target ;; esac
  mkdir -p "$units/$target.wants"
  sed "s|@systemd@|$systemd|" "$role/lib/systemd/$boot" > "$units/.$boot.new"
  chmod 644 "$units/.$boot.new"
  mv -f "$units/.$boot.new" "$units/$boot"
  ln -sfn "../$boot" "$units/$target.wants/$boot"
}
