/**
 * What each system call does to the files below the recorded folder. Whatever may have changed something and is not
 * understood is an error, never left out. Knows Linux's calls; not where their arguments were written down.
 */
import type { Entry, Inode, Node } from "./file-system.ts";
import type { OpenFile, Watch } from "./recording.ts";
import { bytesIn, descriptorIn, textIn } from "./system-calls.ts";

type Effect = (watch: Watch) => void;

type FileNode = Extract<Node, { _tag: "File" }>;

/** What other processes lock by, and read: LMDB writes it anew when nobody else has the database open. */
const LOCK_FILE = /\/var\/db.*\/lock\.mdb$/;

const path = ({ arg, pathAt }: Watch, n: number): string | undefined => pathAt(textIn(arg(n)));

/** Of a call that takes a directory's descriptor before the path. */
const relative = ({ arg, pathAt }: Watch, n: number): string | undefined => pathAt(textIn(arg(n + 1)), arg(n));

function known({ inodeAt, misunderstood }: Watch, at: string): Inode {
  const inode = inodeAt(at);
  if (inode === undefined) throw misunderstood(`nothing is known at ${at}`);
  return inode;
}

/** What is at a path, for a call that follows links. */
function followed(watch: Watch, at: string): Inode {
  const inode = known(watch, at);
  if (watch.node(inode)?._tag === "Symlink") throw watch.misunderstood("it follows a link");
  return inode;
}

function fileNode({ node, misunderstood }: Watch, inode: Inode | undefined): FileNode {
  const found = inode === undefined ? undefined : node(inode);
  if (found?._tag !== "File") throw misunderstood("it is of no file that is known");
  return found;
}

const modeOf = (octal: string): number => Number.parseInt(octal, 8) & 0o7777;

function make({ take, nameAt, newInode }: Watch, at: string, node: Node): Inode {
  const inode = newInode();
  take({ _tag: "Names", entries: [{ ...nameAt(at), inode }], made: { inode, node } });
  return inode;
}

function open(
  watch: Watch,
  at: string | undefined,
  { flags, mode }: { flags: string; mode: string | undefined },
): void {
  const { call, take, inodeAt, umask, misunderstood, setFile } = watch;
  setFile(call.result, undefined);
  if (at === undefined) return;
  const is = (flag: string): boolean => flags.split("|").includes(flag);
  if (is("O_TMPFILE")) throw misunderstood("it makes a file without a name");
  if (inodeAt(at) === undefined && is("O_CREAT")) {
    make(watch, at, { _tag: "File", mode: modeOf(mode ?? "") & ~umask, time: null, content: Buffer.alloc(0) });
  } else if (is("O_TRUNC") && fileNode(watch, followed(watch, at)).content.length > 0) {
    take({ _tag: "Length", inode: known(watch, at), length: 0 });
  }
  const inode = followed(watch, at);
  setFile(call.result, { inode, position: 0, isAppending: is("O_APPEND"), isThrough: is("O_DSYNC") || is("O_SYNC") });
}

function writeAt(
  { call, take, misunderstood }: Watch,
  { inode, isThrough }: OpenFile,
  offset: number,
  bytes: Buffer,
): void {
  if (bytes.length < call.result) throw misunderstood("its bytes are not all there");
  take({ _tag: "Write", inode, offset, bytes: bytes.subarray(0, call.result), isThrough });
}

/** Where the descriptor stands, or at the end of what it appends to. Reads are not recorded: who mixes both seeks before. */
function writeOn(watch: Watch, file: OpenFile, bytes: Buffer): void {
  const offset = file.isAppending ? fileNode(watch, file.inode).content.length : file.position;
  writeAt(watch, file, offset, bytes);
  file.position = offset + watch.call.result;
}

function write(watch: Watch): void {
  const { arg, take, isFirstProcess } = watch;
  const file = watch.file(arg(0));
  if (file !== undefined) writeOn(watch, file, bytesIn(arg(1)));
  else if (isFirstProcess && descriptorIn(arg(0)).number === 1) {
    take({ _tag: "Said", text: bytesIn(arg(1)).toString() });
  }
}

function writeThere(watch: Watch): void {
  const file = watch.file(watch.arg(0));
  if (file !== undefined) writeAt(watch, file, Number(watch.arg(3)), bytesIn(watch.arg(1)));
}

/** `offset`: where in the source, as the call was given it; it must have been. */
function copy(watch: Watch, { to, source, offset }: { to: string; source: string; offset: string }): void {
  const file = watch.file(to);
  if (file === undefined) return;
  const start = /^\[(\d+)\]|^\[(\d+) =>/.exec(offset)?.slice(1).find(Boolean);
  if (start === undefined) throw watch.misunderstood("where it copies from is not known");
  const { content } = fileNode(watch, watch.file(source)?.inode);
  writeOn(watch, file, content.subarray(Number(start), Number(start) + watch.call.result));
}

function clone(watch: Watch): void {
  const { arg, take, misunderstood } = watch;
  const file = watch.file(arg(0));
  // Of terminals and pipes, or whether a read would wait.
  if (file === undefined || /^(TC|TIO|FIO)/.test(arg(1))) return;
  if (!arg(1).includes("FICLONE") || arg(1).includes("RANGE")) throw misunderstood("an unknown request");
  const { content } = fileNode(watch, watch.file(arg(2))?.inode);
  take({ _tag: "Write", inode: file.inode, offset: 0, bytes: content, isThrough: false });
}

function map({ arg, pathAt, misunderstood }: Watch): void {
  if (!arg(3).includes("MAP_SHARED") || !arg(2).includes("PROT_WRITE") || arg(4) === "-1") return;
  const at = pathAt(descriptorIn(arg(4)).path, arg(4));
  if (at !== undefined && !LOCK_FILE.test(at)) throw misunderstood("a file is written through memory");
}

function resize({ take }: Watch, inode: Inode | undefined, length: number): void {
  if (inode !== undefined) take({ _tag: "Length", inode, length });
}

function allocate(watch: Watch): void {
  const { arg, misunderstood } = watch;
  const inode = watch.file(arg(0))?.inode;
  if (inode === undefined) return;
  if (arg(1) !== "0") throw misunderstood("an unknown mode");
  const length = Number(arg(2)) + Number(arg(3));
  if (length > fileNode(watch, inode).content.length) resize(watch, inode, length);
}

function rename(watch: Watch, before: string | undefined, after: string | undefined): void {
  if (before === undefined && after === undefined) return;
  if (before === undefined || after === undefined) throw watch.misunderstood("it leads into the folder, or out of it");
  const inode = known(watch, before);
  // Between two names of one file it does nothing.
  if (watch.inodeAt(after) === inode) return;
  const entries: Entry[] = [
    { ...watch.nameAt(before), inode: null },
    { ...watch.nameAt(after), inode },
  ];
  watch.take({ _tag: "Names", entries, made: null });
}

function renameWith(watch: Watch): void {
  if (!/^(0|RENAME_NOREPLACE)$/.test(watch.arg(4))) throw watch.misunderstood("an unknown flag");
  rename(watch, relative(watch, 0), relative(watch, 2));
}

function link(watch: Watch, existing: string | undefined, at: string | undefined): void {
  if (at === undefined) return;
  if (existing === undefined) throw watch.misunderstood("it links what lies outside of the folder");
  watch.take({ _tag: "Names", entries: [{ ...watch.nameAt(at), inode: known(watch, existing) }], made: null });
}

function symlink(watch: Watch, at: string | undefined): void {
  if (at !== undefined) make(watch, at, { _tag: "Symlink", time: null, target: textIn(watch.arg(0)) });
}

function remove({ take, nameAt }: Watch, at: string | undefined): void {
  if (at !== undefined) take({ _tag: "Names", entries: [{ ...nameAt(at), inode: null }], made: null });
}

function makeDirectory(watch: Watch, at: string | undefined, mode: string): void {
  if (at === undefined) return;
  make(watch, at, { _tag: "Directory", mode: modeOf(mode) & ~watch.umask, time: null, entries: new Map() });
}

function bind(watch: Watch): void {
  const at = watch.arg(1).includes('sun_path="') ? path(watch, 1) : undefined;
  if (at !== undefined) make(watch, at, { _tag: "Socket" });
}

function setMode({ take }: Watch, inode: Inode | undefined, mode: string): void {
  if (inode !== undefined) take({ _tag: "Attributes", inode, mode: modeOf(mode), time: null });
}

const at = (watch: Watch, where: string | undefined): Inode | undefined =>
  where === undefined ? undefined : followed(watch, where);

function setTimes(watch: Watch): void {
  const { arg, take, misunderstood } = watch;
  const where = arg(1) === "NULL" ? undefined : relative(watch, 0);
  const follows = !arg(3).includes("AT_SYMLINK_NOFOLLOW");
  const ofPath = where === undefined ? undefined : follows ? followed(watch, where) : known(watch, where);
  const inode = arg(1) === "NULL" ? watch.file(arg(0))?.inode : ofPath;
  if (inode === undefined) return;
  // The first is of the last access.
  const time = [...arg(2).matchAll(/tv_sec=(\d+)/g)][1]?.[1];
  if (time === undefined) throw misunderstood("an unknown time");
  take({ _tag: "Attributes", inode, mode: null, time: Number(time) });
}

function sync(watch: Watch, attributes: boolean): void {
  const of = watch.file(watch.arg(0))?.inode;
  if (of !== undefined) watch.take({ _tag: "Sync", of, attributes, since: watch.stepsBefore });
}

function syncAll({ take, stepsBefore }: Watch): void {
  take({ _tag: "Sync", of: null, attributes: true, since: stepsBefore });
}

const none: Effect = () => {};

export const EFFECTS: Readonly<Record<string, Effect>> = {
  open: (w) => open(w, path(w, 0), { flags: w.arg(1), mode: w.call.args[2] }),
  openat: (w) => open(w, relative(w, 0), { flags: w.arg(2), mode: w.call.args[3] }),
  creat: (w) => open(w, path(w, 0), { flags: "O_CREAT|O_WRONLY|O_TRUNC", mode: w.arg(1) }),
  write,
  writev: write,
  pwrite64: writeThere,
  pwritev: writeThere,
  lseek: (w) => {
    const file = w.file(w.arg(0));
    if (file !== undefined) file.position = w.call.result;
  },
  copy_file_range: (w) => {
    if (w.file(w.arg(2)) !== undefined && w.arg(3) !== "NULL") throw w.misunderstood("an offset to write at");
    copy(w, { to: w.arg(2), source: w.arg(0), offset: w.arg(1) });
  },
  sendfile: (w) => copy(w, { to: w.arg(0), source: w.arg(1), offset: w.arg(2) }),
  ioctl: clone,
  mmap: map,
  truncate: (w) => resize(w, at(w, path(w, 0)), Number(w.arg(1))),
  ftruncate: (w) => resize(w, w.file(w.arg(0))?.inode, Number(w.arg(1))),
  fallocate: allocate,
  rename: (w) => rename(w, path(w, 0), path(w, 1)),
  renameat: (w) => rename(w, relative(w, 0), relative(w, 2)),
  renameat2: renameWith,
  link: (w) => link(w, path(w, 0), path(w, 1)),
  linkat: (w) => link(w, relative(w, 0), relative(w, 2)),
  symlink: (w) => symlink(w, path(w, 1)),
  symlinkat: (w) => symlink(w, relative(w, 1)),
  unlink: (w) => remove(w, path(w, 0)),
  rmdir: (w) => remove(w, path(w, 0)),
  unlinkat: (w) => remove(w, relative(w, 0)),
  mkdir: (w) => makeDirectory(w, path(w, 0), w.arg(1)),
  mkdirat: (w) => makeDirectory(w, relative(w, 0), w.arg(2)),
  bind,
  chmod: (w) => setMode(w, at(w, path(w, 0)), w.arg(1)),
  fchmod: (w) => setMode(w, w.file(w.arg(0))?.inode, w.arg(1)),
  fchmodat: (w) => setMode(w, at(w, relative(w, 0)), w.arg(2)),
  utimensat: setTimes,
  fsync: (w) => sync(w, true),
  fdatasync: (w) => sync(w, false),
  syncfs: (w) => {
    if (w.file(w.arg(0)) !== undefined) syncAll(w);
  },
  sync: syncAll,
  // Promises nothing.
  sync_file_range: none,
};
