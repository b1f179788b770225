# The phases of a Python package, for lib/python-package.ts and for what is built against the interpreter in its own way.
# Sourced behind setup.sh. Env: python, the interpreter's path; packages, an array of those of Python packages; library,
# this folder.
#
# It does not know how a program finds its packages: that is lib/python-environment.ts.

pythonName=$(cd "$python/lib" && echo python3.*)    # python3.11, as all of its directories are called
site=lib/$pythonName/site-packages
export PATH=$python/bin:$PATH

export PYTHONPATH PYTHONNOUSERSITE=1 PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0
PYTHONPATH=$(joinExisting "$site" "${packages[@]}" $tools)

# Python.h lies in a directory of its own. distutils passes a flag for it that names the interpreter's out, not its dev.
C_INCLUDE_PATH+=:$(joinExisting "include/$pythonName" $inputs)
CPLUS_INCLUDE_PATH=$C_INCLUDE_PATH
# As the interpreter itself is compiled: an assertion in one of its headers would keep that header's file name.
CFLAGS+=' -DNDEBUG' CXXFLAGS+=' -DNDEBUG'

# pythonUse PATH : what else a build imports, and the package itself does not.
pythonUse() { PYTHONPATH=${PYTHONPATH:+$PYTHONPATH:}$1/$site; }

# pythonBuild : a wheel of the project in the current directory, by its own build backend.
pythonBuild() {
  phase build
  mkdir -p /build/wheel
  python3 -P "$library/build-wheel.py" /build/wheel
}

pythonInstall() {
  phase install
  python3 -m installer --prefix "$out" --no-compile-bytecode /build/wheel/*.whl
}

# pythonFinish MODULE... : byte code, and proof that the package is complete. Behind the last change of a file, since byte
# code is never compared with its source: that cannot change, and its own store path is written into it after this. In one
# process, as what marshal writes of a string depends on who else holds it.
pythonFinish() {
  phase 'byte code'
  python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash "$out/$site"
  phase 'check package'
  PYTHONPATH+=:$out/$site python3 -P "$library/check-requirements.py" "$out/$site"
  PYTHONPATH=$(joinExisting "$site" "$out" "${packages[@]}") python3 -P -c 'import importlib, sys
for module in sys.argv[1:]: importlib.import_module(module)' "$@"
}
