/**
 * What an export stream consists of, item by item, in the one order that `reader.ts` accepts. Knows no disk: files and
 * link targets are named, and whoever writes the stream puts their bytes there.
 */
import { compareUtf8 } from "../bytes.ts";
import { type Derivation, type DrvHash, derivationBytes } from "../derivation.ts";
import { type Digest, type Directory, encodeDirectory, type FileNode } from "../directory.ts";
import type { ObjectInfo } from "../object.ts";
import { encodeObjectInfo } from "../object-record.ts";
import type { Realisation } from "../realisation.ts";
import {
  type ExportHeader,
  encodeExportedRealisation,
  encodeExportHeader,
  exportMagic,
  ITEM,
  type ItemType,
  itemHead,
} from "./format.ts";
import { entryPath, type RecentFiles, recentFiles } from "./recent-files.ts";

export type ExportItem =
  | { readonly _tag: "Bytes"; readonly bytes: Uint8Array }
  /** The file's bytes come next, of this size and SHA-256. Its item's head has come. */
  | { readonly _tag: "File"; readonly info: ObjectInfo; readonly path: Uint8Array; readonly digest: Digest }
  /** An item with the target of the symlink that this object is. */
  | { readonly _tag: "Link"; readonly info: ObjectInfo };

export interface Export {
  readonly header: Pick<ExportHeader, "roots" | "needs">;
  /** Each behind those that it refers to. */
  readonly objects: readonly ObjectInfo[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
  readonly realisations: readonly Realisation[];
  /** The message of this digest, which an object of these has. */
  readonly directory: (digest: string) => Directory;
}

/** The whole stream. Walks all directories twice: the first time to count what the header announces. */
export function* exportItems(of: Export): Generator<ExportItem, void> {
  const { header, objects } = of;
  let bytes = 0;
  for (const item of objectItems(of)) if (item._tag === "File") bytes += item.digest.size;
  let knowledge = 0;
  for (const [, payload] of knowledgeOf(of)) knowledge += payload.length;
  yield { _tag: "Bytes", bytes: exportMagic };
  yield* item(ITEM.header, encodeExportHeader({ ...header, objects: objects.length, bytes, knowledge }));
  yield* objectItems(of);
  for (const [type, payload] of knowledgeOf(of)) yield* item(type, payload);
  yield* item(ITEM.end, new Uint8Array());
}

function* knowledgeOf({ derivations, realisations }: Export): Generator<readonly [ItemType, Uint8Array], void> {
  for (const hash of [...derivations.keys()].sort(compareUtf8)) {
    yield [ITEM.derivation, derivationBytes(derivations.get(hash) as Derivation)];
  }
  for (const realisation of realisations.toSorted((a, b) => compareUtf8(a.key, b.key))) {
    yield [ITEM.realisation, encodeExportedRealisation(realisation)];
  }
}

function* item(type: ItemType, payload: Uint8Array): Generator<ExportItem, void> {
  yield { _tag: "Bytes", bytes: itemHead(type, payload.length) };
  yield { _tag: "Bytes", bytes: payload };
}

const ROOT = new Uint8Array();

function* objectItems({ objects, directory }: Export): Generator<ExportItem, void> {
  const files = recentFiles();
  for (const info of objects) {
    // Who built it here is nothing that another place could check.
    yield* item(ITEM.object, encodeObjectInfo({ ...info, deriver: null }));
    if (info.kind === "dir") yield* directoryItems(info, directory, files);
    else if (info.kind === "symlink") yield { _tag: "Link", info };
    else yield* fileItem(info, { folder: ROOT, name: ROOT, digest: { hash: info.digest, size: info.size } }, files);
  }
}

function* directoryItems(
  info: ObjectInfo,
  directory: Export["directory"],
  files: RecentFiles,
): Generator<ExportItem, void> {
  const pending: { readonly path: Uint8Array; readonly hash: string }[] = [{ path: ROOT, hash: info.digest }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, hash } = next;
    const message = directory(hash);
    yield* item(ITEM.directory, encodeDirectory(message));
    for (const node of message.files) yield* fileItem(info, { folder: path, ...node }, files);
    for (const child of message.directories.toReversed()) {
      pending.push({ path: entryPath(path, child.name), hash: child.digest.hash });
    }
  }
}

function* fileItem(
  info: ObjectInfo,
  { folder, name, digest }: Pick<FileNode, "name" | "digest"> & { readonly folder: Uint8Array },
  files: RecentFiles,
): Generator<ExportItem, void> {
  const { hash, size } = digest;
  if (files.find(hash) !== undefined) return;
  yield { _tag: "Bytes", bytes: itemHead(ITEM.file, size) };
  yield { _tag: "File", info, path: entryPath(folder, name), digest };
  files.add(hash, { object: info.path, folder, name, size });
}
