import { debianSource, sh } from "@cab/core";
import { make } from "../lib/make.ts";

/** What the options below are taken from: https://busybox.net, Config.in; each is checked to exist after configuring. */
const LANGUAGE = `LFS LONG_OPTS INCLUDE_SUSv2 BUSYBOX FEATURE_BUFFERS_USE_MALLOC INSTALL_NO_USR INSTALL_APPLET_SYMLINKS SHOW_USAGE
  FEATURE_VERBOSE_USAGE ASH SH_IS_ASH ASH_OPTIMIZE_FOR_SIZE ASH_ALIAS ASH_RANDOM_SUPPORT ASH_EXPAND_PRMT ASH_ECHO
  ASH_PRINTF ASH_TEST ASH_GETOPTS ASH_CMDCMD ASH_JOB_CONTROL ASH_BASH_COMPAT FEATURE_SH_MATH FEATURE_SH_MATH_64
  FEATURE_SH_READ_FRAC FLOAT_DURATION`;

const APPLETS = `AWK BASE64 BASENAME CAT CHMOD CHOWN CMP CP CUT DATE DD DF DIFF DIRNAME DU ECHO ENV EXPR FALSE FIND FLOCK
  FOLD GREP EGREP FGREP HEAD HEXDUMP HOSTNAME ID INSTALL KILL LN LS MD5SUM MKDIR MKFIFO MKTEMP MV NC NC_SERVER OD PASTE
  PGREP PRINTENV PRINTF PS PWD READLINK REALPATH RM RMDIR SED SEQ SETSID SHA256SUM SLEEP SORT STAT STTY SYNC TAIL TAR
  GZIP GUNZIP ZCAT TEE TEST TEST1 TIMEOUT TOUCH TR TRUE TTY UNAME UNIQ WC WHICH WHOAMI XARGS YES
  RUNSV RUNSVDIR SV SVLOGD CHPST`;

const FEATURES = `FIND_TYPE FIND_PRINT0 FIND_NEWER FIND_EXEC FIND_DEPTH FIND_DELETE FIND_MAXDEPTH FIND_SIZE FIND_MTIME
  FIND_PATH FIND_PAREN FIND_NOT GREP_CONTEXT LS_FILETYPES LS_FOLLOWLINKS LS_SORTFILES LS_TIMESTAMPS LS_USERNAME
  READLINK_FOLLOW FANCY_SLEEP SORT_BIG STAT_FORMAT FANCY_TAIL TAR_CREATE TAR_LONG_OPTIONS TAR_GNU_EXTENSIONS SEAMLESS_GZ
  XARGS_SUPPORT_ZERO_TERM XARGS_SUPPORT_QUOTES FANCY_HEAD`;

const words = (list: string): string[] => list.split(/\s+/);

/** A shell, the tools that scripts need, and runit's supervisor: a role brings its own and asks nothing of the host. */
export default make({
  name: "busybox",
  version: "1.35.0",
  source: ({ version }) => debianSource({ package: "busybox", file: `busybox_${version}.orig.tar.bz2` }),
  outputs: [],
  env: {
    config: [...words(LANGUAGE), ...words(APPLETS), ...words(FEATURES).map((feature) => `FEATURE_${feature}`)],
    // busybox's makefile passes these to `ld -r`, which knows no -Wl.
    LDFLAGS: "",
  },
  // allnoconfig decides three choices our way must decide; without its lines oldconfig takes ours, and asks nothing.
  configure: () => sh`make allnoconfig >/dev/null
sed -i '/^CONFIG_\(SH_IS_NONE\|INSTALL_APPLET_DONT\|FEATURE_BUFFERS_GO_ON_STACK\)=y/d' .config
for option in $config; do sed -i "s/^# CONFIG_$option is not set/CONFIG_$option=y/" .config; done
make oldconfig </dev/null >/dev/null
for option in $config; do
  grep -qx "CONFIG_$option=y" .config || { printf 'busybox has no option %s\n' "$option" >&2; exit 1; }
done`,
  make: () => ["SKIP_STRIP=y"],
  install: ({ out }) => ["install", "SKIP_STRIP=y", `CONFIG_PREFIX=${out}`],
  provides: { bins: ["sh", "mkdir", "sed"] },
});
