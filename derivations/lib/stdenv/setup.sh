# What a package's build script sources first: its environment, and one function for each phase.
#
#   source "$stdenv/setup.sh"
#   checkInputs; unpackSource; applyPatches; cabConfigure --enable-this; cabMake; cabInstall; fixup
#
# The derivation sets: name version outputs (and one variable for each output) src patches inputs tools cc libc stdenv.
# A recipe may also set
#   CFLAGS CXXFLAGS LDFLAGS    instead of the defaults below
#   keepStatic=1               static libraries are built and go to dev
#   noStrip=1                  nothing is stripped
#   forgetReferences           store paths whose hashes are blanked in all outputs
#   disallowedReferences       store paths that no output may name; cc, stdenv, src, tools and patches never may
#   providesBins providesLibs  what must be there at the end: bin/NAME or sbin/NAME, lib/libNAME.so
#
# It does not know the store, the sandbox or any package. What it makes may not depend on time, user or CAB_CORES.

set -eu -o pipefail
shopt -s inherit_errexit

# ---- failing --------------------------------------------------------------------------------------------------------

phase() {
  cabPhase=$1
  printf '== %s\n' "$cabPhase"
}

# config.log says why a check failed; it is gone with the sandbox, so its end goes to the build log.
reportFailure() {
  local status=$?
  trap - EXIT
  if ((status)); then
    if [[ $cabPhase == configure && -f config.log ]]; then
      printf -- '-- the end of config.log before its variable dump:\n'
      sed -n '/^## Cache variables/q; p' config.log | tail -n 30
    fi
    printf 'cab: %s %s: phase "%s" failed with status %d\n' "$name" "$version" "$cabPhase" "$status"
  fi >&2
  exit "$status"
}
cabPhase=setup
trap reportFailure EXIT

# ---- environment ----------------------------------------------------------------------------------------------------

# joinExisting SUFFIX PATH... : the existing ones of PATH/SUFFIX, joined by colons.
joinExisting() {
  local suffix=$1 joined= path
  shift
  for path; do
    if [[ -d $path/$suffix ]]; then joined+=${joined:+:}$path/$suffix; fi
  done
  printf '%s' "$joined"
}

export PATH
PATH=$cc/bin:$(joinExisting bin $tools):/usr/bin:/usr/sbin
PATH=${PATH/::/:}
export SHELL=/bin/bash CONFIG_SHELL=/bin/bash

# Searched after a package's own -I directories and before the seed's, as system headers: a package's own header always
# wins over an input's of the same name (CPATH would do that too), and -Werror does not judge other packages' headers
# (CPATH would). No flag carries a path, so none gets embedded, and pkgconf leaves out -I and -L of these directories.
C_INCLUDE_PATH=$(joinExisting include $inputs)
CPLUS_INCLUDE_PATH=$C_INCLUDE_PATH
LIBRARY_PATH=$(joinExisting lib $inputs)
PKG_CONFIG_LIBDIR=$(joinExisting lib/pkgconfig $inputs)
CMAKE_PREFIX_PATH=${inputs// /:}
export C_INCLUDE_PATH CPLUS_INCLUDE_PATH LIBRARY_PATH PKG_CONFIG_LIBDIR CMAKE_PREFIX_PATH

# Without a debug output no -g: strip would only remove what it costs to make.
hasOutput() { [[ " $outputs " == *" $1 "* ]]; }
debugFlag=
if hasOutput debug; then
  debugFlag=' -g'
  export CAB_BUILD_ID=0x0000000000000000000000000000000000000000    # room for fixup's own, see finish-files.pl
fi
export CFLAGS="${CFLAGS--O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2}$debugFlag"
export CXXFLAGS="${CXXFLAGS--O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2}$debugFlag"
export LDFLAGS="${LDFLAGS--Wl,-z,relro,-z,now}"
export CC=cc CXX=c++
export CAB_RPATH=$out/lib    # a package's programs find its libraries; fixup removes the entry where it is not needed

# ---- phases ---------------------------------------------------------------------------------------------------------

# checkInputs : no two inputs have different libraries of one name.
checkInputs() {
  phase 'check inputs'
  perl -I"$stdenv" "$stdenv/check-inputs.pl"
}

# unpackSource [ARCHIVE] : the archive's single top directory becomes /build/source, which is then the current one.
unpackSource() {
  local archive=${1-$src}
  phase unpack
  mkdir -p /build/source
  if [[ -d $archive ]]; then
    cp -R "$archive/." /build/source
    chmod -R u+w /build/source
  else
    # tar tells the compression by the content, so the archive's name does not matter.
    tar --extract --file "$archive" --directory /build/source --strip-components=1 --no-same-owner
  fi
  cd /build/source
}

applyPatches() {
  local patch
  phase patch
  for patch in $patches; do
    printf 'applying %s\n' "${patch##*/}"
    patch --strip=1 --batch --forward --no-backup-if-mismatch --input "$patch"
  done
}

# cabConfigure ARG... : ./configure for $out. What only autoconf's scripts understand is passed to those alone.
cabConfigure() {
  local arguments=(--prefix="$out")
  phase configure
  if grep -q 'enable-option-checking' ./configure; then
    arguments+=(--disable-dependency-tracking)
    if [[ -z ${keepStatic-} ]]; then arguments+=(--disable-static); fi
  fi
  ./configure "${arguments[@]}" "$@"
}

# cabCmake ARG... : configures with CMake in /build/cmake, which is then the current directory for cabMake and cabInstall.
# SKIP_RPATH: CMake would take away, while installing, the RUNPATH that the linker set.
cabCmake() {
  phase configure
  cmake -S . -B /build/cmake -DCMAKE_INSTALL_PREFIX="$out" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_SKIP_RPATH=ON -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON "$@"
  cd /build/cmake
}

cabMake() {
  phase build
  make -j"$CAB_CORES" "$@"
}

# One job: many an install target races with itself, and there is nothing left to compile.
cabInstall() {
  phase install
  make install "$@"
}

source "$stdenv/fixup.sh"
source "$stdenv/leak-check.sh"
