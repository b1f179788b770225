# The phases of fromDebian, beside those of stdenv/setup.sh, which is sourced before this. Maintainer scripts are never
# unpacked: they stand in a package's control part.

# unpackDebian : the files of all packages in $src, as Debian would install them, below /build/debian.
unpackDebian() {
  local package data
  phase unpack
  mkdir /build/debian
  for package in $src; do
    data=$(ar t "$package" | grep '^data\.tar')
    # In a file, since tar tells the compression by the content of a file alone.
    ar p "$package" "$data" >/build/data.tar
    # Two packages that bring one file are not meant to be together. Modes are kept for repackage to judge.
    tar --extract --file /build/data.tar --directory /build/debian --keep-old-files --no-same-owner \
      --preserve-permissions
  done
}

repackage() {
  phase repackage
  perl -I"$stdenv" "$fromDebian/repackage.pl"
}

# checkSymbols : every program's loader finds all symbols and versions that it and its libraries ask for. What was
# linked with one build of a library and is given another here would else fail when it first calls what that lacks.
checkSymbols() {
  local program loader traced complaint missing=0
  phase 'check symbols'
  while IFS= read -r -d '' program; do
    # The loader maps the files and binds them, then exits instead of running the program. It lists what it mapped, with
    # addresses; all else is a complaint.
    loader=$(patchelf --print-interpreter "$program")
    traced=$(LD_TRACE_LOADED_OBJECTS=1 LD_WARN=1 LD_BIND_NOW=1 "$loader" "$program" 2>&1) ||
      traced+=$'\n'"the loader ended with status $?"
    while IFS= read -r complaint; do
      printf 'unmet: out%s: %s\n' "${program#"$out"}" "$complaint" >&2
      missing=1
    done < <(grep --extended-regexp --invert-match '\(0x[0-9a-f]+\)$|^\s*statically linked$' <<<"$traced")
  done </build/programs
  return "$missing"
}
