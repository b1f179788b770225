/**
 * Takes objects, derivations and realisations from an export stream. Core's reader has checked order, names, sizes and
 * digests; the store's own admission then computes each object's path from what its bytes were found to be, and registers
 * it whole or not at all. Knows nothing of where the stream comes from.
 */
import { statfsSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";
import {
  byteQueue,
  type Derivation,
  type DrvHash,
  type ExportEvent,
  type ExportHeader,
  keyParts,
  namePart,
  type ObjectInfo,
  type Realisation,
  readExport,
  type Scratch,
  type StorePath,
  type StreamFailure,
  type SubstituterFailure,
} from "@cab/core";
import { admitTree } from "./admit-object.ts";
import { type AdmitContext, keepValid } from "./admit-outputs.ts";
import { newHash } from "./bulk-hash.ts";
import { streamRefused } from "./export-stream.ts";
import { Refused } from "./failure.ts";
import { digestWith } from "./file-bytes.ts";
import { type IncomingTree, incomingTree } from "./incoming-tree.ts";
import { objectFile } from "./layout.ts";
import { spareFile } from "./scratch.ts";

export interface ImportOptions {
  readonly signal: AbortSignal;
  /** Whether to believe what the stream says was built from what: nothing in it proves that. */
  readonly trustRealisations: boolean;
  readonly onHeader: (header: ExportHeader) => void;
  /** An object is valid: since now, or it was already. */
  readonly onObject: (info: ObjectInfo, wasPresent: boolean) => void;
}

export interface ImportReport {
  readonly roots: readonly StorePath[];
  readonly imported: number;
  readonly present: number;
  readonly derivations: number;
  readonly realisations: RealisationCount;
}

export interface RealisationCount {
  /** Written: trusted, or proved by the object's bytes. */
  readonly taken: number;
  readonly known: number;
  /** Neither trusted nor proved. */
  readonly left: number;
  /** This store has recorded another path, and keeps it. */
  readonly disagreeing: number;
}

const refused = (failure: StreamFailure): Refused<StreamFailure> => new Refused(failure);

export async function importStream(
  context: AdmitContext,
  scratch: Scratch,
  source: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  const { layout, database } = context;
  const { signal, onHeader, onObject } = options;
  const queue = byteQueue();
  const bytes = decompressed(source, signal);
  const knowledge = openKnowledge(context, options.trustRealisations);
  let roots: readonly StorePath[] = [];
  let tree: IncomingTree | undefined;
  let trees = 0;
  let imported = 0;
  let present = 0;

  const free = (): number => {
    const { bavail, bsize } = statfsSync(layout.store);
    return bavail * bsize;
  };
  const requireSpace = (what: string, size: number): void => {
    if (size > free()) throw refused({ _tag: "StreamTooLarge", what, bytes: size, free: free() });
  };

  const begin = (info: ObjectInfo): void => {
    const valid = keepValid(context, info.path) ? database.object(info.path) : undefined;
    if (valid === undefined) {
      requireSpace(info.path, info.size);
      tree = incomingTree(context, { info, file: `${scratch.storeDir}/import-${trees++}`, spare: spareFile(scratch) });
      return;
    }
    const same = valid.digest === info.digest && valid.kind === info.kind && valid.size === info.size;
    if (!same) throw refused({ _tag: "StreamRefused", reason: `${info.path} is another object than the one here` });
  };
  const finish = async (info: ObjectInfo): Promise<void> => {
    const wasPresent = tree === undefined;
    if (tree !== undefined) await admit(context, scratch, tree, info);
    tree = undefined;
    if (wasPresent) present++;
    else imported++;
    onObject(info, wasPresent);
  };

  const on = async (event: ExportEvent): Promise<void> => {
    switch (event._tag) {
      case "Hungry": {
        const next = await bytes.next();
        if (next.done === true) queue.end();
        else queue.feed(next.value);
        return;
      }
      case "Header": {
        const missing = event.header.needs.filter((path) => !keepValid(context, path));
        if (missing.length > 0) throw refused({ _tag: "StreamNeeds", missing });
        requireSpace("what it says of derivations", event.header.knowledge);
        roots = event.header.roots;
        return onHeader(event.header);
      }
      case "Object":
        return begin(event.info);
      case "Bytes":
        return tree?.write(event.bytes);
      case "Directory":
      case "Link":
      case "File":
      case "FileDone":
      case "SameFile":
        return tree?.on(event);
      case "ObjectDone":
        return finish(event.info);
      case "Derivation":
        return knowledge.derivation(event.hash, event.drv);
      case "Realisation":
        return knowledge.realisation(event.realisation);
      case "Done":
        return knowledge.write();
      case "Cut":
        throw refused({ _tag: "StreamCut" });
      case "Refused":
        throw refused({ _tag: "StreamRefused", reason: event.reason });
    }
  };

  try {
    for (const event of readExport(queue, { newDigester: sha256Digester })) await on(event);
  } finally {
    tree?.close();
    await bytes.return(undefined);
  }
  return { roots, imported, present, ...knowledge.count() };
}

/** A rejection by the store's own checks is the stream's fault, as any other is. */
async function admit(context: AdmitContext, scratch: Scratch, tree: IncomingTree, promised: ObjectInfo): Promise<void> {
  try {
    await admitTree(context, scratch, { file: tree.file, promised, tree: tree.finish() });
  } catch (error) {
    const failure = error instanceof Refused ? (error.failure as SubstituterFailure) : undefined;
    if (failure?._tag !== "SubstituteRejected") throw error;
    throw refused({ _tag: "StreamRefused", reason: `${promised.path}: ${failure.reason}` });
  }
}

const sha256Digester = () => {
  const sum = newHash("sha256");
  return { update: (bytes: Uint8Array): void => void sum.update(bytes), digest: (): string => sum.digest("hex") };
};

/** Bytes that the decompressor gives at once. */
const CHUNK_BYTES = 1 << 18;

/** Ends early where the stream does: the reader says then that it was cut. */
async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let fed = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      fed += chunk.length;
      yield chunk;
    }
  };
  const decoder = createZstdDecompress({ chunkSize: CHUNK_BYTES });
  // The decoder is destroyed with whatever error came, which the loop then throws.
  pipeline(Readable.from(counted()), decoder, { signal }).catch(() => {});
  try {
    yield* decoder as AsyncIterable<Uint8Array>;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "Z_BUF_ERROR") return;
    if (!code.startsWith("ZSTD_")) throw streamRefused(error, "read the stream") ?? error;
    const reason = `it is damaged, or no zstd stream: ${(error as Error).message}`;
    throw refused({ _tag: "StreamRefused", reason });
  }
  // Node's decoder ends with the first frame, and is silent about what follows it.
  if (decoder.bytesWritten < fed) throw refused({ _tag: "StreamRefused", reason: "something follows its end" });
}

interface Knowledge {
  readonly derivation: (hash: DrvHash, drv: Derivation) => void;
  readonly realisation: (realisation: Realisation) => Promise<void>;
  /** Writes what has been collected. */
  readonly write: () => void;
  readonly count: () => Pick<ImportReport, "derivations" | "realisations">;
}

/** Records that are written in one transaction. */
const BATCH = 256;

function openKnowledge({ layout, database, buffer }: AdmitContext, trusted: boolean): Knowledge {
  let derivations: (readonly [DrvHash, Derivation])[] = [];
  let realisations: Realisation[] = [];
  let fresh = 0;
  const count = { taken: 0, known: 0, left: 0, disagreeing: 0 };

  const write = (): void => {
    if (derivations.length + realisations.length === 0) return;
    database.write((writer) => {
      for (const [hash, drv] of derivations) writer.derivation(hash, drv);
      for (const realisation of realisations) writer.realisation(realisation);
    });
    derivations = [];
    realisations = [];
  };
  const collected = (): void => {
    if (derivations.length + realisations.length >= BATCH) write();
  };

  /** Whether the object itself shows that it is what was promised. */
  const proved = async ({ key, path }: Realisation): Promise<boolean> => {
    const parts = keyParts(key);
    const info = database.object(path);
    if (parts?._tag !== "Fixed" || info === undefined || namePart(path) !== parts.name) return false;
    if (info.references.length > 0 || info.selfDigest !== null) return false;
    if (info.kind !== (parts.mode === "flat" ? "file" : "dir")) return false;
    if (parts.algo === "sha256") return info.digest === parts.digest;
    return (await digestWith(objectFile(layout, path), parts.algo, [], buffer)) === parts.digest;
  };

  return {
    derivation: (hash, drv) => {
      if (database.derivation(hash) !== undefined) return;
      derivations.push([hash, drv]);
      fresh++;
      collected();
    },
    realisation: async (realisation) => {
      const recorded = database.realisation(realisation.key);
      if (recorded === realisation.path) {
        count.known++;
      } else if (recorded !== undefined) {
        count.disagreeing++;
      } else if (trusted || (await proved(realisation))) {
        realisations.push(realisation);
        count.taken++;
        collected();
      } else {
        count.left++;
      }
    },
    write,
    count: () => ({ derivations: fresh, realisations: count }),
  };
}
