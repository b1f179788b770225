# The instance's parameters and secrets, and the files that are made of them. Knows no service. Part of bin/activate.

trim() {
  trimmed=$1
  while :; do
    case $trimmed in
      [[:space:]]*) trimmed=${trimmed#?} ;;
      *[[:space:]]) trimmed=${trimmed%?} ;;
      *) return ;;
    esac
  done
}

# readParams FILE: sets param_NAME for each that it gives. A file that is not there gives none.
readParams() {
  [ -e "$1" ] || return 0
  number=0 given=" "
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    trim "$line"
    case $trimmed in
      '' | '#'*) continue ;;
      *=*) ;;
      *) fail "$1, line $number: expected NAME = VALUE" ;;
    esac
    assignment=$trimmed
    trim "${assignment%%=*}"
    name=$trimmed
    case " $PARAMS " in
      *" $name "*) ;;
      *) fail "$1, line $number: there is no parameter of this name; there are: ${PARAMS:-none}" ;;
    esac
    case $given in *" $name "*) fail "$1, line $number: $name is given twice" ;; esac
    given="$given$name "
    trim "${assignment#*=}"
    checkValue "$name" "$trimmed"
    eval "param_$name=\$trimmed"
  done < "$1"
}

checkValue() {
  case $2 in
    *[\"\'\\]* | *[[:cntrl:]]*) fail "parameter $1: expected neither quotes, backslashes nor control characters" ;;
  esac
  eval "kind=\$kind_$1 min=\${min_$1-} max=\${max_$1-} pattern=\${pattern_$1-}"
  case $kind in
    integer | port) checkNumber "$1" "$2" ;;
    file)
      case $2 in /*) ;; *) fail "parameter $1: expected an absolute path, found $2" ;; esac
      [ -r "$2" ] || fail "parameter $1: cannot read $2 as user $(id -u)"
      ;;
  esac
  [ -z "$pattern" ] || printf '%s\n' "$2" | grep -Exq -e "$pattern" ||
    fail "parameter $1: expected a value that matches $pattern, found $2"
}

checkNumber() {
  case $2 in
    '' | *[!0-9]* | ???????????????????*) fail "parameter $1: expected a number, found $2" ;;
  esac
  [ -z "$min" ] || [ "$2" -ge "$min" ] || fail "parameter $1: expected at least $min, found $2"
  [ -z "$max" ] || [ "$2" -le "$max" ] || fail "parameter $1: expected at most $max, found $2"
}

# What no value was given for takes its default; all that lack one are named at once.
checkParams() {
  missing=
  for name in $PARAMS; do
    eval "is=\${param_$name+set} default=\${default_$name-} has=\${default_$name+set} optional=\${optional_$name-}"
    [ -z "$is" ] || continue
    if [ -n "$has" ]; then
      eval "param_$name=\$default"
    elif [ -z "$optional" ]; then
      missing="$missing $name"
    fi
  done
  [ -z "$missing" ] || fail "no value for$missing: write NAME = VALUE for each into $paramsFile"
  checkPorts
}

# Whoever is not root may not listen on low ports, and says so best before anything is stopped.
checkPorts() {
  lowest=0 taken=" "
  isRoot || read -r lowest < /proc/sys/net/ipv4/ip_unprivileged_port_start || lowest=1024
  for name in $PARAMS; do
    eval "kind=\$kind_$name value=\${param_$name-}"
    [ "$kind" = port ] && [ -n "$value" ] || continue
    [ "$value" -ge "$lowest" ] ||
      fail "parameter $name: user $(id -u) may not listen on port $value; write $name = PORT, at least $lowest, into $paramsFile"
    case $taken in
      *" $value:"*)
        other=${taken#*" $value:"}
        fail "parameters ${other%% *} and $name are both port $value"
        ;;
    esac
    taken="$taken$value:$name "
  done
}

# As shell assignments: no value has a quote.
writeParams() {
  for name in $PARAMS; do
    eval "is=\${param_$name+set} value=\${param_$name-}"
    [ -z "$is" ] || printf "param_%s='%s'\n" "$name" "$value"
  done > "$1"
  if isRoot; then chmod 644 "$1"; fi
}

# takeSecrets DIRECTORY: each secret into a file of its own, from the first place that has it.
takeSecrets() {
  missing=
  for name in $SECRETS; do
    variable=CAB_SECRET_$(printf %s "$name" | tr a-z- A-Z_)
    eval "is=\${$variable+set}"
    own=/cab/etc/secrets/$name
    if [ -n "${CREDENTIALS_DIRECTORY-}" ] && [ -r "$CREDENTIALS_DIRECTORY/$name" ]; then
      cat "$CREDENTIALS_DIRECTORY/$name" > "$1/$name"
    elif [ -n "$is" ]; then
      eval "printf %s \"\$$variable\"" > "$1/$name"
    elif [ -e "$own" ]; then
      [ -r "$own" ] || fail "secret $name: cannot read $own as user $(id -u)"
      case $(stat -c %a "$own") in
        *00) cat "$own" > "$1/$name" ;;
        *) fail "secret $name: others can read $own; chmod 600 it, and think of it as known" ;;
      esac
    else
      missing="$missing $name"
      continue
    fi
    [ -s "$1/$name" ] || fail "secret $name is empty"
    giveSecret "$1" "$name"
  done
  [ -z "$missing" ] ||
    fail "no value for the secret$missing: put it into \$CAB_ROOT/etc/secrets/NAME with mode 600, or into CAB_SECRET_NAME"
}

giveSecret() {
  chmod 400 "$1/$2"
  if isRoot; then
    owner=$(sed -n "s/^$2 //p" "$libexec/secret-owners")
    [ -z "$owner" ] || chown "$owner:$owner" "$1/$2"
  fi
}

# renderFiles DIRECTORY: the role's files with the parameters in them.
renderFiles() {
  for file in $FILES; do
    mkdir -p "$(dirname "$1/$file")"
    (
      for name in $PARAMS; do eval "[ -z \"\${param_$name+set}\" ] || export param_$name"; done
      exec awk -f "$libexec/render.awk" "$role/etc/$file"
    ) > "$1/$file" || fail "BUG: cannot complete etc/$file"
    if isRoot; then chmod 644 "$1/$file"; fi
  done
}
