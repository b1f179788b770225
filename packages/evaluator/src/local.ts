/**
 * What `local(import.meta, …)` names: digests of files and directories of a workspace, each read recorded. Knows nothing
 * of recipes; the bytes themselves are fetched again when the source is realised.
 */
import { hash } from "node:crypto";
import { realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import {
  type Digest,
  type DirectoryNode,
  decodeUtf8,
  encodeDirectory,
  type FileNode,
  type LocalRequest,
  type LocalSource,
  nearestNames,
  type SymlinkNode,
} from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import { type EvaluatorFailure, unreadable } from "./failure.ts";

import type { ReadLog } from "./observe.ts";
import { displayFile, pathBelow, type Workspaces } from "./workspace.ts";

/** Never throws: it is called from the realm, and no error of the host's may get there. */
export type LocalReader = (request: LocalRequest) => Either<EvaluatorFailure, LocalSource>;

export function localReader(workspaces: Workspaces, log: ReadLog): LocalReader {
  const known = new Map<string, Either<EvaluatorFailure, LocalSource>>();
  return (request) => {
    const key = JSON.stringify([request.workspace, request.file]);
    const source = known.get(key) ?? readGuarded(workspaces, log, request);
    known.set(key, source);
    return source;
  };
}

function readGuarded(
  workspaces: Workspaces,
  log: ReadLog,
  request: LocalRequest,
): Either<EvaluatorFailure, LocalSource> {
  try {
    return read(workspaces, log, request);
  } catch (error) {
    return left(unreadable(error));
  }
}

const refused = (file: string, reason: string, remedy: string): Either<EvaluatorFailure, never> =>
  left({ _tag: "LocalRefused", file, reason, remedy, place: null });

function read(
  workspaces: Workspaces,
  log: ReadLog,
  { workspace: id, file }: LocalRequest,
): Either<EvaluatorFailure, LocalSource> {
  const workspace = workspaces.find((candidate) => candidate.id === id);
  if (workspace === undefined) {
    return refused(file, `is in no workspace (${id})`, "give local the import.meta of the module that names the file");
  }
  const shown = displayFile(workspace, file);
  const path = join(workspace.root, file);
  if (pathBelow(workspace.root, path) === undefined) {
    return refused(shown, "lies outside the workspace", "copy it into the workspace");
  }
  const observed = log.look(path);
  if (observed._tag === "Absent") {
    const siblings = log.look(dirname(path));
    const names = siblings._tag === "Directory" ? siblings.entries.map(({ name }) => name.toString()) : [];
    return left({ _tag: "LocalMissing", file: shown, nearest: nearestNames(basename(path), names), place: null });
  }
  if (realpathSync.native(path) !== path) {
    return refused(shown, "is reached through a symbolic link", "name the file or directory that the link leads to");
  }
  if (observed._tag === "File") return right({ mode: "flat", digest: observed.sha256 });
  if (observed._tag !== "Directory") return refused(shown, "is neither a file nor a directory", "name a file");
  const tree: Tree = { root: path, shown, log };
  const digest = directoryDigest(tree, path);
  return isLeft(digest) ? digest : right({ mode: "tree", digest: digest.right.hash });
}

interface Tree {
  readonly root: string;
  /** The root as messages name it. */
  readonly shown: string;
  readonly log: ReadLog;
}

/** The digest that the store will give the same tree. Recurses as deep as directories nest. */
function directoryDigest(tree: Tree, folder: string): Either<EvaluatorFailure, Digest> {
  const files: FileNode[] = [];
  const directories: DirectoryNode[] = [];
  const symlinks: SymlinkNode[] = [];
  const listing = tree.log.look(folder);
  for (const { name } of listing._tag === "Directory" ? listing.entries : []) {
    const text = decodeUtf8(name);
    const shown = `${tree.shown}/${pathBelow(tree.root, join(folder, name.toString()))}`;
    if (text === undefined) return refused(shown, "has a name that is not UTF-8", "rename it");
    const path = join(folder, text);
    const observed = tree.log.look(path);
    switch (observed._tag) {
      case "File": {
        const digest = { hash: observed.sha256, size: observed.bytes.length };
        files.push({ name, digest, executable: observed.executable });
        break;
      }
      case "Directory": {
        const digest = directoryDigest(tree, path);
        if (isLeft(digest)) return digest;
        directories.push({ name, digest: digest.right });
        break;
      }
      case "Link":
        if (leadsOut(tree.root, folder, observed.target.toString())) {
          const remedy = `copy what it leads to into ${tree.shown}, or remove the link`;
          return refused(shown, `is a symbolic link that leads out of ${tree.shown}`, remedy);
        }
        symlinks.push({ name, target: observed.target });
        break;
      case "Absent":
      case "Special":
        return refused(shown, "is neither a file, a directory nor a symbolic link", "remove it");
    }
  }
  const message = encodeDirectory({ files, directories, symlinks });
  return right({ hash: hash("sha256", message, "hex"), size: message.length });
}

/** By the text of the target alone: the tree must mean the same wherever it lies. */
const leadsOut = (root: string, folder: string, target: string): boolean => {
  const end = resolve(folder, target);
  return isAbsolute(target) || (end !== root && pathBelow(root, end) === undefined);
};
