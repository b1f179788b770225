/**
 * `builtin:union@1`: several trees as one. Directories merge; two entries of one name must be identical.
 *
 *     trees   JSON array of { "path": store path, "at"?: place in the output }; a file or link needs an "at"
 *     mode    "copy": the output holds the files themselves; "link": it holds links to them
 *     files, links, directories   as in builtin:write@1, added last
 */
import { constants, copyFileSync, linkSync, lstatSync, readFileSync, readlinkSync } from "node:fs";
import type { StorePath } from "@cab/core";
import { errnoOf } from "../failure.ts";
import { declaredEntries, treePath, writeDeclared } from "../tree/declared-entries.ts";
import { nameOfBytes, readableName, type TreeWriter, treeWriter } from "../tree/tree-writer.ts";
import { type TreeEntry, walkTree } from "../tree/walk.ts";
import { type Arguments, inputObject } from "./arguments.ts";
import type { Builtin } from "./builtin.ts";

interface Origin {
  readonly store: StorePath;
  readonly file: Buffer;
  readonly kind: "file" | "symlink";
}

interface Member {
  readonly store: StorePath;
  readonly file: string;
  readonly at: string;
}

export const union: Builtin = {
  name: "builtin:union@1",
  keys: ["trees", "mode", "files", "links", "directories"],
  run: async ({ args, job, out }) => {
    const mode = args.required("mode");
    if (mode !== "copy" && mode !== "link") args.bad('"mode" must be "copy" or "link"');
    const declared = declaredEntries(args);
    const members = args.items("trees").map((item): Member => {
      const { path, at = "" } = member(args, item);
      const { path: store, file } = inputObject(args, job, path);
      return { store, file, at: treePath(args, at) };
    });
    const origins = new Map<string, Origin>();
    const tree = treeWriter(out, (entry, reason) => args.bad(`"${readableName(entry ?? "")}": ${reason}`));
    tree.directory("");
    for (const each of members) addTree({ args, tree, origins, mode }, each);
    for (const path of [...declared.files.keys(), ...declared.links.keys()]) {
      const there = origins.get(path);
      if (there !== undefined) args.bad(`"${readableName(path)}" is declared, and stands in ${there.store} too`);
    }
    writeDeclared(tree, declared);
  },
};

function member(args: Arguments, item: unknown): { path: string; at?: string } {
  const fields = typeof item === "object" && item !== null ? new Map(Object.entries(item)) : new Map();
  const path = fields.get("path");
  const at = fields.get("at") ?? "";
  if (typeof path !== "string" || typeof at !== "string" || fields.size > (fields.has("at") ? 2 : 1)) {
    return args.bad('each of "trees" must be { "path": store path, "at"?: place }');
  }
  return { path, at };
}

interface Union {
  readonly args: Arguments;
  readonly tree: TreeWriter;
  readonly origins: Map<string, Origin>;
  readonly mode: string;
}

function addTree(union: Union, { store, file, at }: Member): void {
  const root = lstatSync(file);
  if (!root.isDirectory()) {
    if (at === "") union.args.bad(`${store} is no directory; say with "at" where it goes`);
    addLeaf(union, at, { store, file: Buffer.from(file), kind: root.isFile() ? "file" : "symlink" }, store);
    return;
  }
  union.tree.directory(at);
  for (const entry of walkTree(file)) {
    const path = at === "" ? entry.path : `${at}/${entry.path}`;
    if (entry.kind === "directory") union.tree.directory(path);
    else addLeaf(union, path, { store, file: entry.file, kind: leafKind(entry) }, `${store}/${entry.path}`);
  }
}

function leafKind({ kind, path }: TreeEntry): Origin["kind"] {
  if (kind === "file" || kind === "symlink") return kind;
  throw new Error(`BUG: a store object holds ${path}, a ${kind}`);
}

function addLeaf({ args, tree, origins, mode }: Union, path: string, origin: Origin, logical: string): void {
  const before = origins.get(path);
  if (before !== undefined) {
    if (isIdentical(before, origin)) return;
    args.bad(`"${readableName(path)}" differs between ${before.store} and ${origin.store}`);
  }
  origins.set(path, origin);
  if (mode === "link") tree.symlink(path, logical);
  else if (origin.kind === "file") linkOrCopy(origin.file, tree.place(path, "file"));
  else tree.symlink(path, nameOfBytes(readlinkSync(origin.file, { encoding: "buffer" })));
}

function isIdentical(a: Origin, b: Origin): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === "symlink") return readlinkSync(a.file) === readlinkSync(b.file);
  const [x, y] = [lstatSync(a.file), lstatSync(b.file)];
  if (x.ino === y.ino && x.dev === y.dev) return true;
  return (
    x.size === y.size && (x.mode & 0o100) === (y.mode & 0o100) && readFileSync(a.file).equals(readFileSync(b.file))
  );
}

/** Another file system, too many links, or another owner's file: a copy, which shares blocks where it can. */
const CANNOT_LINK = new Set(["EXDEV", "EMLINK", "EPERM"]);

function linkOrCopy(from: Buffer, to: Buffer): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!CANNOT_LINK.has(errnoOf(error) ?? "")) throw error;
    copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  }
}
