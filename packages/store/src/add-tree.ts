/**
 * The one pass over a new tree's bytes: reads each file once, hashes it, scans it. Knows what an object may consist of; not
 * what it will be called.
 *
 * The tree stays as it is, but for what could not be read otherwise: an object that the store has already, as when
 * something is built again, costs nothing more. `settle.ts` does what is left to do to a new one.
 */
import { chmodSync, closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { errorCode } from "./failure.ts";
import { type FileBytes, pause, readLargeFile, readSmallFile } from "./file-bytes.ts";
import type { Found, Scanner } from "./scan.ts";
import { joinPath, pathText, type TreeDirectory, type TreeFile, type TreeNode, type TreeSymlink } from "./tree.ts";

export interface TreeFault {
  readonly file: string;
  readonly found: string;
  readonly remedy: string;
}

export interface AddedTree {
  readonly root: TreeNode;
  /** Candidate hashes in bytes, symlink targets and names; each with the first entry that holds it. */
  readonly references: ReadonlyMap<string, string>;
  /** The same for located hashes, which stand in bytes and symlink targets only. */
  readonly located: ReadonlyMap<string, string>;
  readonly faults: readonly TreeFault[];
}

/** What is collected while a tree is read, in whatever order its entries come. */
export interface Findings extends Omit<AddedTree, "root"> {
  readonly fault: (path: Buffer, found: string, remedy: string) => void;
  readonly note: (path: Buffer, found: Found) => void;
  /** An entry's own name is scanned too. */
  readonly addName: (path: Buffer, name: Buffer) => void;
  readonly scanBytes: (path: Buffer, bytes: Buffer) => Found;
}

export function collectFindings(scanner: Scanner): Findings {
  const references = new Map<string, string>();
  const located = new Map<string, string>();
  const faults: TreeFault[] = [];
  const fault: Findings["fault"] = (path, found, remedy) => {
    faults.push({ file: pathText(path), found, remedy });
  };
  const note: Findings["note"] = (path, found) => {
    for (const hash of found.references) if (!references.has(hash)) references.set(hash, pathText(path));
    for (const { hash } of found.occurrences) if (!located.has(hash)) located.set(hash, pathText(path));
    for (const secret of found.secrets ?? []) {
      fault(
        path,
        `the value of ${secret}, a secret of this host`,
        "take it out of the recipe: a role gets it on the host; and change it, since it may be known",
      );
    }
    for (const { hash, offset } of found.fragments) {
      fault(
        path,
        `a piece of the build's own path (of ${hash}) at byte ${offset}, which cannot be rewritten`,
        "keep the path whole: compile with -fno-store-merging or read it from a file, and leave it uncompressed",
      );
    }
  };
  const scanBytes: Findings["scanBytes"] = (path, bytes) => {
    const found = scanner.scan(bytes);
    note(path, found);
    return found;
  };
  const addName: Findings["addName"] = (path, name) => {
    if (scanBytes(path, name).occurrences.length === 0) return;
    fault(path, "a name that holds the build's own path", "name the file otherwise: a name is not rewritten");
  };
  return { references, located, faults, fault, note, scanBytes, addName };
}

export interface AddOptions {
  readonly root: string;
  readonly scanner: Scanner;
  readonly buffer: Buffer;
}

const PERMISSIONS = 0o7777;
const SPECIAL_BITS = 0o7000;

function unsupported(stat: Stats): TreeFault["found"] {
  if (stat.isSocket()) return "a socket";
  if (stat.isFIFO()) return "a named pipe";
  return stat.isBlockDevice() ? "a block device" : "a character device";
}

interface Reading {
  readonly size: number;
  readonly buffer: Buffer;
  readonly scanner: Scanner;
}

/** Hashes and scans a file, once. */
export async function readFile(file: Buffer, { size, buffer, scanner }: Reading): Promise<FileBytes> {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return readSmallFile(descriptor, size, buffer, scanner) ?? (await readLargeFile(descriptor, buffer, scanner));
  } finally {
    closeSync(descriptor);
  }
}

/** Entries between two pauses: at 30 µs each, other builds wait 8 ms at most. */
const ENTRIES_A_TURN = 256;

export async function addTree({ root, scanner, buffer }: AddOptions): Promise<AddedTree> {
  const findings = collectFindings(scanner);
  const { note, addName, scanBytes } = findings;
  let entries = 0;

  const fault = (...of: Parameters<Findings["fault"]>): undefined => {
    findings.fault(...of);
  };

  const addSymlink = (path: Buffer, file: Buffer): TreeSymlink => {
    const target = readlinkSync(file, { encoding: "buffer" });
    const { occurrences } = scanBytes(path, target);
    return { _tag: "Symlink", path, occurrences, target };
  };

  const addFile = async (path: Buffer, file: Buffer, stat: Stats): Promise<TreeFile | undefined> => {
    if ((stat.mode & SPECIAL_BITS) !== 0) {
      const bits = (stat.mode & PERMISSIONS).toString(8).padStart(4, "0");
      return fault(path, `mode ${bits}`, "install it without setuid, setgid and sticky bits (chmod a-st)");
    }
    const executable = (stat.mode & 0o100) !== 0;
    const linked = stat.nlink > 1;
    if ((stat.mode & 0o400) === 0) {
      if (linked) return fault(path, "a hard link that its owner cannot read", "chmod u+r before the build ends");
      chmodSync(file, 0o600);
    }
    const { digest, size, found } = await readFile(file, { size: stat.size, buffer, scanner });
    note(path, found);
    return { _tag: "File", path, executable, size, digest, linked, occurrences: found.occurrences };
  };

  const addDirectory = async (path: Buffer, file: Buffer, stat: Stats): Promise<TreeDirectory> => {
    if ((stat.mode & 0o700) !== 0o700) chmodSync(file, 0o755);
    const children: { name: Buffer; node: TreeNode }[] = [];
    for (const name of readdirSync(file, { encoding: "buffer" })) {
      const child = joinPath(path, name);
      addName(child, name);
      const node = await addNode(child, joinPath(file, name));
      if (node !== undefined) children.push({ name, node });
    }
    return { _tag: "Directory", path, entries: children };
  };

  const addNode = async (path: Buffer, file: Buffer): Promise<TreeNode | undefined> => {
    if (++entries % ENTRIES_A_TURN === 0) await pause();
    try {
      const stat = lstatSync(file);
      if (stat.isFile()) return await addFile(path, file, stat);
      if (stat.isDirectory()) return await addDirectory(path, file, stat);
      if (stat.isSymbolicLink()) return addSymlink(path, file);
      return fault(path, unsupported(stat), "remove it before the build ends: a store object holds no such thing");
    } catch (error) {
      if (errorCode(error) !== "ENAMETOOLONG") throw error;
      return fault(path, "a path longer than this system can open", "nest directories less deeply");
    }
  };

  const node = await addNode(Buffer.alloc(0), Buffer.from(root));
  const { references, located, faults } = findings;
  const empty: TreeDirectory = { _tag: "Directory", path: Buffer.alloc(0), entries: [] };
  return { root: node ?? empty, references, located, faults };
}
