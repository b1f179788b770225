# The services of the role as the supervisor has them: what must start, stop or stay, and the supervisor itself, which is
# runit's, in busybox, or the host's systemd (systemd.sh). Knows parameters only as files that were rendered. Part of bin/activate.

service() { printf '%s/service/%s' "$run" "$1"; }

# A lock that the supervisor and its child hold as long as either lives.
supervised() {
  [ -e "$run/supervisor.lock" ] || return 1
  (exec 9< "$run/supervisor.lock" && ! flock -n 9)
}

# Under systemd there is something to begin.
beginSystemd() { :; }

# fingerprint KIND NAME RENDERED: of all that the program is made of.
fingerprint() {
  (
    cd "$libexec/$1/$2"
    sha256sum ./*
    while read -r what name; do
      case $what in
        file) sha256sum < "$3/etc/$name" ;;
        secret) sha256sum < "$3/secrets/$name" ;;
        param) eval "printf '%s\n' \"\${param_$name-}\"" ;;
        task) fingerprint tasks "$name" "$3" ;;
      esac
    done < uses
  ) | sha256sum | cut -c 1-64
}

# What is there, in the order in which it was started.
installed() {
  [ ! -e "$run/order" ] || cat "$run/order"
}

started() { cat "$run/fingerprints/$1" 2> /dev/null || :; }

# decide RENDERED: gone, changed, fresh and kept, each a list of services.
decide() {
  gone= changed= fresh= kept=
  for name in $SERVICES; do
    wanted=$(fingerprint services "$name" "$1")
    if [ ! -d "$(service "$name")" ]; then
      fresh="$fresh $name"
    elif [ "$(started "$name")" = "$wanted" ] && isUp "$name"; then
      kept="$kept $name"
    else
      changed="$changed $name"
    fi
  done
  for name in $(installed); do
    case " $SERVICES " in *" $name "*) ;; *) gone="$gone $name" ;; esac
  done
}

isUp() { [ "$(cat "$(service "$1")/supervise/stat" 2> /dev/null)" = run ]; }

printPlan() {
  for name in $gone; do event stop "$name"; done
  for name in $changed; do event restart "$name" "$(whyChanged "$name")"; done
  for name in $fresh; do event start "$name"; done
  for name in $kept; do event keep "$name"; done
}

whyChanged() {
  if ! isUp "$1"; then
    printf 'it does not run'
  elif ! cmp -s "$libexec/services/$1/program" "$(service "$1")/program"; then
    printf 'its program'
  elif ! sameFiles "$1"; then
    printf 'its files: %s' "$differing"
  else
    printf 'parameters, secrets or tasks that it uses'
  fi
}

sameFiles() {
  differing=
  while read -r what name; do
    [ "$what" = file ] || continue
    cmp -s "$next/etc/$name" "$run/etc/$name" || differing="$differing${differing:+ }$name"
  done < "$libexec/services/$1/uses"
  [ -z "$differing" ]
}

reversed() {
  backwards=
  for name in "$@"; do backwards="$name $backwards"; done
  printf '%s' "$backwards"
}

# stopServices LIST: in the reverse of the order in which they were started, each with its own patience.
stopServices() {
  wanted=" $(echo $1) "
  for name in $(reversed $(installed)); do
    case $wanted in *" $name "*) stopService "$name" ;; esac
  done
}

stopService() {
  directory=$(service "$1")
  rm -f "$run/fingerprints/$1"
  # Whoever supervised it has ended, and it with them.
  [ -p "$directory/supervise/control" ] && ! flock -n "$directory/supervise/lock" true || return 0
  patience=$(cat "$directory/stop-seconds")
  sv -w "$patience" force-stop "$directory" > /dev/null 2>&1 || :
  [ "$(cat "$directory/supervise/stat" 2> /dev/null)" != run ] || fail "$1 does not end"
}

# install RENDERED: what was rendered takes the place of what was; each file by a rename.
install() {
  takeOver "$1/secrets" "$run/secrets" "$SECRETS"
  takeOver "$1/etc" "$run/etc" "$FILES"
  mv -f "$1/params" "$run/params"
  rm -rf "$1"
  ln -sfn "$role" "$run/.role"
  mv -Tf "$run/.role" "$run/role"
  for name in $gone; do removeService "$name"; done
  (
    cd "$run/etc"
    find . -type f | sort | xargs sha256sum
  ) > "$run/rendered"
}

takeOver() {
  for file in $3; do
    mkdir -p "$(dirname "$2/$file")"
    cmp -s "$1/$file" "$2/$file" || mv -f "$1/$file" "$2/$file"
  done
  find "$2" -type f | while IFS= read -r file; do
    case " $3 " in *" ${file#"$2/"} "*) ;; *) rm -f "$file" ;; esac
  done
}

# The supervisor's own process for a service ends with its directory's name.
removeService() {
  directory=$(service "$1")
  sv -w 10 force-shutdown "$directory" > /dev/null 2>&1 || :
  rm -rf "$directory"
  rm -f "$run/fingerprints/$1"
}

# A service's directory appears whole. It is down until it is told to start, and after a restart of the supervisor too.
installService() {
  directory=$(service "$1")
  staged=$run/service/.$1
  rm -rf "$staged"
  mkdir -p "$staged/log"
  : > "$staged/down"
  cp "$libexec/services/$1"/* "$staged"
  cp "$libexec/run.sh" "$staged/run"
  cp "$libexec/finish.sh" "$staged/finish"
  cp "$libexec/log.sh" "$staged/log/run"
  chmod 700 "$staged/run" "$staged/finish" "$staged/log/run"
  mkdir -p "$state/log/$1"
  printf 's1000000\nn10\n' > "$state/log/$1/config"
  if [ -d "$directory" ]; then
    for file in "$staged"/*; do
      [ -d "$file" ] || mv -f "$file" "$directory/"
    done
    mv -f "$staged/log/run" "$directory/log/run"
    [ -e "$libexec/services/$1/ready" ] || rm -f "$directory/ready"
    rm -rf "$staged"
  else
    mv -T "$staged" "$directory"
  fi
  rm -f "$directory/failures"
}

# waitUntil SECONDS COMMAND…
waitUntil() {
  tries=$(($1 * 10))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# Everything in order. Tasks run when something behind them starts: what they make is there, or made again.
startSteps() {
  # All at once, since the supervisor looks for new ones every five seconds only.
  for name in $changed $fresh; do installService "$name"; done
  : > "$run/.order"
  for step in $STEPS; do
    name=${step#*:}
    case $step in
      task:*) runTask "$name" ;;
      service:*)
        printf '%s\n' "$name" >> "$run/.order"
        case " $kept " in
          *" $name "*) ;;
          *) startService "$name" ;;
        esac
        ;;
    esac
  done
  mv -f "$run/.order" "$run/order"
}

runTask() {
  [ -n "$changed$fresh$gone" ] || return 0
  wanted=$(fingerprint tasks "$1" "$run")
  "$libexec/tasks/$1/program" >&2 8>&- 9>&- || fail "task $1 ended with $?"
}

startService() {
  wanted=$(fingerprint services "$1" "$run")
  # Known as installed from here on, so that whatever happens it is stopped in its turn.
  { installed; printf '%s\n' "$1"; } | awk '!seen[$0]++' > "$run/.installed"
  mv -f "$run/.installed" "$run/order"
  startUnit "$1"
  awaitReady "$1"
  printf '%s\n' "$wanted" > "$run/fingerprints/$1"
  event ready "$1"
}

startUnit() {
  directory=$(service "$1")
  waitUntil 30 [ -p "$directory/supervise/control" ] || fail "the supervisor does not take up $1"
  sv up "$directory" > /dev/null || fail "the supervisor does not start $1"
}

failuresOf() { cat "$(service "$1")/failures" 2> /dev/null || echo 0; }

lastWords() {
  printf '%s: the last lines of %s:\n' "$ROLE" "$state/log/$1/current"
  tail -n 10 "$state/log/$1/current" 2> /dev/null || :
}

# busybox's timeout leaves a process behind that watches the time, and must not hold our locks for so long.
answers() { timeout 10 "$1" > /dev/null 2>&1 8>&- 9>&-; }

# Ready, or three failures, or too late.
awaitReady() {
  directory=$(service "$1")
  end=$(($(date +%s) + $(cat "$directory/ready-seconds")))
  while :; do
    failures=$(failuresOf "$1")
    [ "$failures" -lt 3 ] || notReady "$1" "it ends at once, $failures times"
    if isUp "$1"; then
      if [ -e "$directory/ready" ]; then
        if answers "$directory/ready"; then return; fi
      else
        sleep 1
        if isUp "$1" && [ "$(failuresOf "$1")" = "$failures" ]; then return; fi
      fi
    fi
    [ "$(date +%s)" -lt "$end" ] || notReady "$1" "it is not ready after $(cat "$directory/ready-seconds") s"
    sleep 0.2
  done
}

notReady() {
  lastWords "$1" >&2
  fail "$1: $2"
}

# supervise THEN…: the supervisor in the foreground, and a function to call once it runs.
supervise() {
  makeRun
  exec 9> "$run/supervisor.lock"
  # Who asks whether one runs has the lock for a moment.
  waitUntil 2 flock -n 9 || fail "its supervisor runs already"
  printf '%s\n' "$$" > "$run/supervisor.pid"
  rm -f "$run/.applied"
  ending= code=0
  trap 'ending=1' TERM INT HUP
  # In sessions of their own: a terminal's Ctrl-C is for this shell, which stops services in their order. It looks first when
  # there is something to find.
  (waitUntil 1000000 hasServices && exec setsid runsvdir -P "$run/service") &
  runner=$!
  printf '%s\n' "$runner" > "$run/runner.pid"
  (exec 9>&- && "$@" && : > "$run/.applied") &
  applying=$!
  awaitEnd "$applying"
  if [ -n "$ending" ]; then
    kill "$applying" 2> /dev/null || :
  elif [ ! -e "$run/.applied" ]; then
    code=$FAILED
  else
    awaitEnd "$runner"
    [ -n "$ending" ] || code=$FAILED
  fi
  stopServices "$(installed)" || code=$FAILED
  ending=
  hasServices && kill -HUP "$runner" 2> /dev/null || kill "$runner" 2> /dev/null || :
  awaitEnd "$runner"
  waitUntil 10 allReleased || :
  rm -f "$run/supervisor.pid"
  exit "$code"
}

hasServices() {
  for directory in "$run"/service/*; do [ ! -d "$directory" ] || return 0; done
  return 1
}

# awaitEnd PID: returns when that process has ended, or when this one is to end.
awaitEnd() {
  while [ -z "$ending" ] && kill -0 "$1" 2> /dev/null; do wait "$1" || :; done
}

# A service's own supervisor ends behind its logger, which first writes what it was given.
allReleased() {
  for lock in "$run"/service/*/supervise/lock; do
    [ ! -e "$lock" ] || flock -n "$lock" true || return 1
  done
}

stopSupervisor() {
  supervised || return 0
  if isStill supervisor "/bin/activate "; then
    kill -TERM "$(cat "$run/supervisor.pid")"
  else
    # It was killed, and what it had started lives on: the same end in its place.
    stopServices "$(installed)"
    ! isStill runner "runsvdir -P $run/service" || kill -HUP "$(cat "$run/runner.pid")"
  fi
  waitUntil 120 isUnsupervised || fail "the supervisor does not end"
}

# isStill NAME WORDS: whether the process of that number still is what wrote it. What else it has, such as its locks, is hidden
# from who has another user namespace.
isStill() { tr '\0' ' ' < "/proc/$(cat "$run/$1.pid")/cmdline" 2> /dev/null | grep -qF "$2"; }

isUnsupervised() { ! supervised; }

printStatus() {
  if supervised; then event supervisor up; else event supervisor down; fi
  for name in $(installed); do
    statusOf "$name"
    event service "$name" "$word" "${pid:--}" "${seconds:--}"
  done
}

# statusOf NAME: word, pid and seconds.
statusOf() {
  word=down pid= seconds=
  supervised || return 0
  directory=$(service "$1")
  word=$(cat "$directory/supervise/stat" 2> /dev/null || echo down)
  words=$(sv status "$directory" 2> /dev/null || :)
  pid=$(printf '%s' "$words" | sed -n 's/^run: [^ ]* (pid \([0-9]*\)) .*/\1/p')
  seconds=$(printf '%s' "$words" | sed -n 's/^[a-z]*: [^ ]* \((pid [0-9]*) \)\{0,1\}\([0-9]*\)s.*/\2/p')
}

probeHealth() {
  code=0
  for probe in "$libexec"/health/*; do
    [ -e "$probe" ] || continue
    if answers "$probe"; then
      event healthy "${probe##*/}"
    else
      event unhealthy "${probe##*/}"
      code=$FAILED
    fi
  done
  exit "$code"
}

# Rendered files that are not as they were rendered.
printDrift() {
  [ -e "$run/rendered" ] || return 0
  cd "$run/etc"
  while read -r digest file; do
    if [ ! -e "$file" ]; then
      event missing "etc/${file#./}"
    elif [ "$(sha256sum < "$file" | cut -c 1-64)" != "$digest" ]; then
      event changed "etc/${file#./}"
    fi
  done < "$run/rendered"
  find . -type f | while IFS= read -r file; do
    grep -qF "  $file" "$run/rendered" || event foreign "etc/${file#./}"
  done
}
