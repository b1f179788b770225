# What `make install` of CPython leaves to be done: a library without what no server needs, no trace of the build in what is
# kept of its configuration, byte code that is the same every time, and proof that every expected module was built.

library=$out/lib/python3.11
configuration=lib/python3.11/config-3.11-x86_64-linux-gnu

rm -r "$library"/{idlelib,tkinter,turtledemo,turtle.py} "$library/ctypes/macholib/fetch_macholib" "$out"/bin/idle3*
# Modules that say they are programs too, of an interpreter that is somewhere else.
find "$library" -name '*.py' -exec chmod -x {} +

# The makefile and its like are for building extensions: they go where the headers go. sysconfig's data stays, since
# programs ask it for tags and directories; of the build directory nothing is left but that there was one.
sed -i '/usr.lib.gcc/d' "$out/$configuration/Makefile"    # a filter of coverage reports
moveTo dev "$configuration"
grep --recursive --files-with-matches --null --binary-files=without-match /build/source "$out" "$dev" |
  xargs --null --no-run-if-empty sed -i 's|/build/source|.|g'
sed -i "s|'PKG_CONFIG_LIBDIR=[^']*' ||" "$library"/_sysconfigdata_*.py    # where the headers of our inputs are

# setup.py leaves out what it cannot build, and says so in passing.
"$out/bin/python3" -B -W ignore -c '
import bz2, ctypes, crypt, decimal, hashlib, lzma, sqlite3, ssl, zlib, asyncio, multiprocessing, zoneinfo, _elementtree
assert ssl.OPENSSL_VERSION.startswith("OpenSSL 3."), ssl.OPENSSL_VERSION
'

# Never compared with the source, which cannot change, and whose own store path is written into it after this. In one
# process, as what marshal writes of a string depends on who else holds it. What `make install` imported has left byte code
# with the time of its source.
find "$library" -name __pycache__ -prune -exec rm -r {} +
"$out/bin/python3" -B -m compileall -q -j 1 --invalidation-mode unchecked-hash "$library"
