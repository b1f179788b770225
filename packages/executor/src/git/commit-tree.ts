/**
 * The files of one commit, written from the objects themselves. There is no checkout: no attribute, filter, hook or
 * submodule of a repository has a say. Knows nothing of where the objects came from.
 */
import { posix } from "node:path";
import { type Budget, budget, type UnpackLimits } from "../archives/budget.ts";
import {
  components,
  type FileSink,
  nameOfBytes,
  type Refuse,
  type TreeWriter,
  treeWriter,
} from "../tree/tree-writer.ts";
import { type GitHost, type GitRun, runGit } from "./command.ts";

export interface CommitTree {
  /** A repository that holds the commit. */
  readonly folder: string;
  readonly commit: string;
  /** Where the tree is to appear. */
  readonly out: string;
  readonly limits: UnpackLimits;
  /** Bytes in which the repository holds its objects: what `limits.ratio` is measured against. */
  readonly packed: number;
  readonly refuse: Refuse;
  readonly host: GitHost;
  readonly signal: AbortSignal;
}

interface Entry {
  /** A byte string. */
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink";
  readonly object: string;
}

/** Gives the number of bytes in all files. */
export async function writeCommitTree(of: CommitTree): Promise<number> {
  const { folder, commit, out, limits, packed, refuse, host, signal } = of;
  const bounds = budget(limits, refuse);
  bounds.input(packed);
  const git = async (args: readonly string[], read: (chunk: Buffer) => void, more: Partial<GitRun> = {}) => {
    const { ok, messages } = await runGit({ folder, args, read, host, signal, ...more });
    if (!ok) refuse(null, `git cannot read it: ${messages}`);
  };
  const listing = entryReader(bounds, refuse);
  await git(["ls-tree", "-r", "-z", "--full-tree", commit], listing.read);
  const tree = treeWriter(out, refuse);
  tree.directory("");
  const objects = objectReader({ entries: listing.entries, tree, bounds, refuse });
  const input = Buffer.from(listing.entries.map(({ object }) => `${object}\n`).join(""));
  try {
    await git(["cat-file", "--batch", "--buffer"], objects.read, { input });
    return objects.bytes() ?? refuse(null, "git ended before it had given all files");
  } finally {
    objects.abandon();
  }
}

/** Reads what `git ls-tree -z` prints: mode, type and object, a tab, the path and a zero byte. */
function entryReader(bounds: Budget, refuse: Refuse) {
  const entries: Entry[] = [];
  let rest = "";
  return {
    entries,
    read: (chunk: Buffer): void => {
      const records = (rest + nameOfBytes(chunk)).split("\0");
      rest = records.pop() as string;
      for (const record of records) {
        bounds.entry();
        entries.push(entryOf(record, refuse));
      }
    },
  };
}

function entryOf(record: string, refuse: Refuse): Entry {
  const tab = record.indexOf("\t");
  const [mode, , object = ""] = record.slice(0, tab).split(" ");
  const path = record.slice(tab + 1);
  const parts = components(path);
  if (parts?.join("/") !== path || parts.some((part) => part.toLowerCase() === ".git")) {
    refuse(path, "its name leads out of the tree, or cannot be a name");
  }
  switch (mode) {
    case "100644":
    // Long ago git recorded that the group may write.
    case "100664":
      return { path, kind: "file", object };
    case "100755":
      return { path, kind: "executable", object };
    case "120000":
      return { path, kind: "symlink", object };
    case "160000":
      return refuse(
        path,
        "it is a submodule, which is not followed: fetch its repository by a gitSource of its own, and copy it there in prepare",
      );
    default:
      return refuse(path, `git knows no mode ${mode}`);
  }
}

interface Objects {
  readonly entries: readonly Entry[];
  readonly tree: TreeWriter;
  readonly bounds: Budget;
  readonly refuse: Refuse;
}

/** Reads what `git cat-file --batch` prints: a line of name, type and size, that many bytes, and a newline. */
function objectReader({ entries, tree, bounds, refuse }: Objects) {
  let next = 0;
  let header = "";
  /** Of the object that is being read; its newline counts. */
  let left = 0;
  let bytes = 0;
  let sink: FileSink | undefined;

  const begin = (): void => {
    const { path, kind } = entries[next] as Entry;
    const size = Number(/^[0-9a-f]+ blob (\d+)$/.exec(header)?.[1] ?? refuse(path, `git cannot read it: ${header}`));
    if (tree.kind(path) !== undefined) refuse(path, "it stands there twice");
    bounds.output(size);
    bytes += size;
    left = size + 1;
    sink = kind === "symlink" ? linkSink({ tree, path, size, refuse }) : tree.file(path, kind === "executable");
    header = "";
  };
  const finish = (): void => {
    sink?.close();
    sink = undefined;
    next++;
  };
  return {
    /** Undefined before all objects have been read. */
    bytes: (): number | undefined => (next === entries.length ? bytes : undefined),
    /** Closes what a failure left open. */
    abandon: (): void => {
      if (entries[next]?.kind !== "symlink") sink?.close();
    },
    read: (chunk: Buffer): void => {
      for (let at = 0; at < chunk.length; ) {
        if (sink === undefined) {
          const end = chunk.indexOf("\n", at);
          header += chunk.toString("latin1", at, end === -1 ? chunk.length : end);
          if (end === -1) return;
          at = end + 1;
          begin();
        } else {
          const piece = chunk.subarray(at, at + left);
          sink.write(left === piece.length ? piece.subarray(0, -1) : piece);
          at += piece.length;
          left -= piece.length;
          if (left === 0) finish();
        }
      }
    },
  };
}

const MAX_TARGET = 4095;

interface Link extends Pick<Objects, "tree" | "refuse"> {
  readonly path: string;
  readonly size: number;
}

/** Collects a link's target, which must lead to somewhere in the tree. */
function linkSink({ tree, path, size, refuse }: Link): FileSink {
  if (size > MAX_TARGET) refuse(path, "it is a link whose target is too long");
  let target = "";
  return {
    write: (chunk) => {
      target += nameOfBytes(chunk);
    },
    close: () => {
      const end = posix.normalize(posix.join(posix.dirname(path), target));
      if (target.startsWith("/") || end === ".." || end.startsWith("../")) refuse(path, "it is a link that leads out");
      tree.symlink(path, target);
    },
  };
}
