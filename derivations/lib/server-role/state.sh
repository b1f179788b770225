# Directories of data that outlive generations. STATE/NAME is a link to .versions/NAME@FORMAT.N, so one rename changes the data
# and what is known of its format. Part of bin/activate.

# The format of the data that is there; nothing if there is none.
formatOf() {
  target=$(readlink "$state/$1" 2> /dev/null) || return 0
  version=${target##*@}
  printf '%s' "${version%.*}"
}

# newVersion NAME: a number that no version of the data has.
newVersion() {
  number=1
  for directory in "$state/.versions/$1@"*; do
    [ -d "$directory" ] || continue
    last=${directory##*.}
    case $last in '' | *[!0-9]*) continue ;; esac
    [ "$last" -lt "$number" ] || number=$((last + 1))
  done
  printf '%s' "$number"
}

ownFormat() { cat "$libexec/state/$1/format"; }

# Before anything is stopped: no program opens data of another format.
requireFormats() {
  for name in $STATES; do
    found=$(formatOf "$name")
    [ -z "$found" ] || [ "$found" = "$(ownFormat "$name")" ] ||
      fail "$name has data of format $found; this role reads $(ownFormat "$name")" "$OTHER_FORMAT"
  done
}

makeStates() {
  for name in $STATES; do
    [ -z "$(formatOf "$name")" ] || continue
    emptyVersion "$name"
    mv -T "$version.new" "$version"
    pointTo "$name" "$version"
  done
}

# emptyVersion NAME: a new directory, called $version.new until it is filled.
emptyVersion() {
  version=$state/.versions/$1@$(ownFormat "$1").$(newVersion "$1")
  mkdir -p "$state/.versions"
  rm -rf "$version.new"
  mkdir "$version.new" || fail "cannot make $version.new"
  if isRoot; then
    chmod 711 "$state/.versions"
    owner=$(cat "$libexec/state/$1/owner")
    [ -z "$owner" ] || chown "$owner:$owner" "$version.new"
  fi
}

# Data that is called current is on disk.
pointTo() {
  sync
  ln -sfn ".versions/${2##*/}" "$state/.$1.new"
  mv -Tf "$state/.$1.new" "$state/$1"
  sync
}

printStates() {
  for name in $STATES; do
    found=$(formatOf "$name")
    event state "$name" "${found:--}" "$(readlink "$state/$name" 2> /dev/null || echo -)"
  done
}

requireState() {
  case " $STATES " in *" $1 "*) ;; *) fail "there is no state $1; there is: ${STATES:-none}" ;; esac
  [ -e "$libexec/state/$1/$2" ] || fail "the role does not say how to $2 $1"
}

# backup NAME FILE: called FILE when it is whole, with its digest in FILE.sha256.
backup() {
  requireState "$1" backup
  found=$(formatOf "$1")
  [ "$found" = "$(ownFormat "$1")" ] || fail "$1 has data of format ${found:-none}" "$OTHER_FORMAT"
  mkdir -p "$(dirname "$2")"
  rm -f "$2.new" "$2.failed"
  unfinished=$2
  trap 'rm -f "$unfinished.new" "$unfinished.failed"' EXIT
  # A pipe tells only how its last program ended.
  { "$libexec/state/$1/backup" || printf failed > "$2.failed"; } | gzip -1 > "$2.new" || fail "cannot write $2"
  [ ! -e "$2.failed" ] || fail "the backup of $1 failed"
  digest=$(sha256sum < "$2.new" | cut -c 1-64)
  sync
  printf '%s\n' "$digest" > "$2.sha256"
  mv -f "$2.new" "$2"
  sync
  event backup "$1" "$2" "$digest"
}

# Before anything is stopped: there is such a file, and it is what was written.
requireBackup() {
  requireState "$1" restore
  [ -r "$2" ] && [ -r "$2.sha256" ] || fail "cannot read $2 and $2.sha256"
  [ "$(sha256sum < "$2" | cut -c 1-64)" = "$(cat "$2.sha256")" ] || fail "$2 is not what was written: its digest differs"
}

# restore NAME FILE: all or nothing.
restore() {
  emptyVersion "$1"
  rm -f "$version.failed"
  { gunzip < "$2" || printf failed > "$version.failed"; } | CAB_STATE=$version.new "$libexec/state/$1/restore" >&2 ||
    printf failed > "$version.failed"
  if [ -e "$version.failed" ]; then
    rm -rf "$version.failed" "$version.new"
    fail "$1 could not be restored from $2"
  fi
  mv -T "$version.new" "$version"
  pointTo "$1" "$version"
  event restored "$1" "${version##*/}"
}

# useVersion NAME TARGET: as `state` prints it.
useVersion() {
  case $2 in .versions/"$1"@*) ;; *) fail "$2 is no version of $1" ;; esac
  [ -d "$state/$2" ] || fail "there is no $2 any more"
  pointTo "$1" "$state/$2"
}
