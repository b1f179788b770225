# fixup: from what `make install` left to what may enter the store. The order is fixed: each step relies on those
# before it, and the leak check sees the final bytes. Sourced by setup.sh.
#
# It does not know file formats: ELF files and scripts are finish-files.pl's and leak-check.pl's.

fixup() {
  phase fixup
  cd /build
  splitOutputs
  dropUnwanted
  decompressManPages
  perl -I"$stdenv" "$stdenv/finish-files.pl"
  checkProvides
  leakCheck
}

# moveTo OUTPUT PATH... : moves $out/PATH to the same place in another output, into directories already there too.
moveTo() {
  local to=${!1} path target
  shift
  for path; do
    target=$to/$path
    if [[ ! -e $out/$path && ! -L $out/$path ]]; then continue; fi
    mkdir -p "${target%/*}"
    if [[ -d $target ]]; then
      cp -RP "$out/$path/." "$target"
      rm -rf "${out:?}/$path"
    else
      mv -T "$out/$path" "$target"
    fi
    if [[ $path == */* ]]; then
      (cd "$out" && rmdir --parents --ignore-fail-on-non-empty "${path%/*}")
    fi
  done
}

# dev has what only compiling against the package needs. libNAME.so stays in out, beside the library it points at: a
# build gets both outputs of an input, and a plugin of that name could not be told from a link.
splitOutputs() {
  local output file
  for output in $outputs; do mkdir -p "${!output}"; done
  if hasOutput dev; then
    for file in "$out"/bin/*-config; do
      # Other programs are called so too; a compiled one is no configuration script.
      if [[ -f $file && $(head -c 2 "$file" | tr -d '\0') == '#!' ]]; then moveTo dev "bin/${file##*/}"; fi
    done
    moveTo dev include lib/pkgconfig share/pkgconfig lib/cmake share/aclocal share/man/man3
    if [[ -d $dev/share/pkgconfig ]]; then
      mkdir -p "$dev/lib/pkgconfig"
      cp -RP "$dev/share/pkgconfig/." "$dev/lib/pkgconfig"
      rm -rf "$dev/share/pkgconfig"
    fi
    if [[ -n ${keepStatic-} ]]; then
      for file in "$out"/lib/*.a; do moveTo dev "lib/${file##*/}"; done
    fi
    pointAtDev
  fi
  if hasOutput doc; then
    moveTo doc share/doc share/info share/gtk-doc share/man
  else
    rm -rf "$out"/share/{doc,info,gtk-doc}
    rmdir --ignore-fail-on-non-empty "$out/share" 2>/dev/null || true
  fi
}

# The headers' new place, in .pc and CMake files and *-config scripts. CMake files compute their prefix from where they
# lie, which is dev now; their libraries are in out.
pointAtDev() {
  local files
  mapfile -d '' -t files < <(
    find "$dev" \( -path '*/lib/pkgconfig/*.pc' -o -path '*/lib/cmake/*.cmake' -o -path '*/bin/*-config' \) -type f -print0
  )
  if ((${#files[@]} == 0)); then return; fi
  chmod u+w "${files[@]}"
  perl -i -pe '
    s{\$\{(?:exec_)?prefix\}/include\b}{$ENV{dev}/include}g;
    s{\Q$ENV{out}\E/include\b}{$ENV{dev}/include}g;
    s{\$\{pcfiledir\}(?:/\.\.)+}{$ENV{out}}g;
    s{\$\{(?:_IMPORT_PREFIX|PACKAGE_PREFIX_DIR)\}/include\b}{$ENV{dev}/include}g;
    s{\$\{(?:_IMPORT_PREFIX|PACKAGE_PREFIX_DIR)\}}{$ENV{out}}g;
  ' "${files[@]}"
}

# libtool's .la files carry the build's -L flags to whatever links later; static libraries double the size of a closure.
dropUnwanted() {
  local paths=() output
  for output in $outputs; do paths+=("${!output}"); done
  if [[ -n ${keepStatic-} ]]; then
    find "${paths[@]}" -name '*.la' -type f -delete
  else
    find "${paths[@]}" \( -name '*.la' -o -name '*.a' \) -type f -delete
  fi
}

# Compressed pages would hide the references that they hold; links between pages lose their suffix too.
decompressManPages() {
  local paths=() output page
  for output in $outputs; do
    if [[ -d ${!output}/share/man ]]; then paths+=("${!output}/share/man"); fi
  done
  if ((${#paths[@]} == 0)); then return; fi
  find "${paths[@]}" -name '*.gz' -type f -exec gunzip -f {} +
  while IFS= read -r -d '' page; do
    ln -sfn "$(readlink "$page" | sed 's/\.gz$//')" "${page%.gz}"
    rm "$page"
  done < <(find "${paths[@]}" -name '*.gz' -type l -print0)
}

checkProvides() {
  local program library missing=0
  for program in ${providesBins-}; do
    if [[ ! -x $out/bin/$program && ! -x $out/sbin/$program ]]; then
      printf 'provides: neither bin/%s nor sbin/%s is in out\n' "$program" "$program" >&2
      missing=1
    fi
  done
  for library in ${providesLibs-}; do
    if [[ ! -e $out/lib/lib$library.so ]]; then
      printf 'provides: lib/lib%s.so is not in out\n' "$library" >&2
      missing=1
    fi
  done
  return "$missing"
}
