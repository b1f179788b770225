# Makes the virtual environment of python-environment.ts. Sourced behind setup.sh. Env: python, the interpreter's path;
# packages, the paths of all packages that are to be in it.

pythonName=$(cd "$python/lib" && echo python3.*)    # python3.11
site=lib/$pythonName/site-packages

phase link
mkdir -p "$out/bin" "$out/$site"
printf 'home = %s/bin\ninclude-system-site-packages = false\nversion = %s\n' "$python" "${pythonName#python}" > "$out/pyvenv.cfg"
ln -s "$python/bin/$pythonName" "$out/bin/$pythonName"
ln -s "$pythonName" "$out/bin/python3"
ln -s "$pythonName" "$out/bin/python"
for package in $packages; do
  # Links to files in directories of our own: packages may share a namespace. Two files of one name are an error.
  cp --recursive --symbolic-link --no-preserve=mode --no-target-directory "$package/$site" "$out/$site"
  # Scripts name the bare interpreter, which knows none of the packages.
  for program in "$package"/bin/*; do
    if [[ -f $program ]]; then
      sed "1s|^#!$python/bin/[^ ]*|#!$out/bin/python3|" "$program" > "$out/bin/${program##*/}"
      chmod +x "$out/bin/${program##*/}"
    fi
  done
done

phase 'check environment'
found=$("$out/bin/python3" -I -c 'import sys; print(sys.prefix, sys.base_prefix)')
[[ $found == "$out $python" ]] || { printf 'expected %s, found %s\n' "$out $python" "$found" >&2; exit 1; }
