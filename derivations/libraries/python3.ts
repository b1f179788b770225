import { debianSource, local, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";
import bzip2 from "./bzip2.ts";
import expat from "./expat.ts";
import libffi from "./libffi.ts";
import libxcrypt from "./libxcrypt.ts";
import openssl from "./openssl.ts";
import sqlite from "./sqlite.ts";
import xz from "./xz.ts";
import zlib from "./zlib.ts";

const finish = local(import.meta, "./python3/finish.sh");

/** The interpreter and its library, without tests, IDLE and Tk; curses, readline, dbm and uuid would need more inputs. */
export default autotools({
  name: "python3",
  version: "3.11.2",
  source: ({ version }) => debianSource({ package: "python3.11", file: `python3.11_${version}.orig.tar.gz` }),
  inputs: { bzip2, expat, libffi, libxcrypt, openssl, sqlite, xz, zlib },
  // setup.py looks for libffi alone in directories that it names itself, and not by asking the compiler.
  prepare: sh`cat > Modules/Setup.local <<'END'
*shared*
_ctypes _ctypes/_ctypes.c _ctypes/callbacks.c _ctypes/callproc.c _ctypes/stgdict.c _ctypes/cfield.c \
  -DHAVE_FFI_PREP_CIF_VAR -DHAVE_FFI_PREP_CLOSURE_LOC -DHAVE_FFI_CLOSURE_ALLOC -lffi -ldl
END
# Byte code is compiled once, at the end: not here for three levels of optimisation, by as many processes as there are cores.
sed -i 's|\$(DESTDIR)\$(LIBDEST)/compileall.py|-c pass|' Makefile.pre.in`,
  // In place of configure's own, which adds -g for strip to take away.
  env: { OPT: "-fwrapv -Wall" },
  configure: () => ["--enable-shared", "--with-system-expat", "--without-ensurepip", "--disable-test-modules"],
  finish: sh`source ${finish}`,
  provides: { bins: ["python3", "python3.11"], libs: ["python3.11"] },
});
