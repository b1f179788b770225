/**
 * Hostile bytes given to every decoder of archives, without a disk behind them: they end, in a tree or a refusal, and what
 * they make is bounded by what they are. What a tree on disk may be made of stands in `builtins/unpack.test.ts`.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { anyHarm, fuzzing, harmed } from "@cab/core/testing/arbitrary";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { Failed } from "../failure.ts";
import { BZIP2, deb, tar, XZ, ZIP, ZIP64 } from "../testing/archives.ts";
import { components, type Refuse, type TreeWriter } from "../tree/tree-writer.ts";
import { budget } from "./budget.ts";
import { placer } from "./entry.ts";
import { unpackArchive } from "./unpack.ts";

const { runs, timeout } = fuzzing(1_500);

const folder = mkdtempSync(join(tmpdir(), "cab-archives-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, "archive");

const LIMITS = { bytes: 2 ** 22, entries: 500, ratio: 400 };

const refuse: Refuse = (entry, reason) => {
  throw new Failed({ entry, reason });
};

/** What came out: entries, and bytes of files. */
interface Unpacked {
  readonly names: string[];
  bytes: number;
  opened: number;
  closed: number;
}

/** Keeps names and counts bytes; refuses, as the real one does, what no tree on disk holds. */
function memoryTree(unpacked: Unpacked): TreeWriter {
  const take = (path: string): void => {
    if (components(path) === undefined) throw new Error(`BUG: ${path} was given to a tree`);
    unpacked.names.push(path);
  };
  return {
    kind: () => undefined,
    directory: take,
    symlink: take,
    hardLink: take,
    place: (path) => {
      take(path);
      return Buffer.from(path);
    },
    file: (path) => {
      take(path);
      unpacked.opened++;
      return {
        write: (chunk) => {
          unpacked.bytes += chunk.length;
        },
        close: () => {
          unpacked.closed++;
        },
      };
    },
  };
}

/** `undefined`, or why it was refused. */
async function unpack(
  bytes: Uint8Array,
): Promise<{ readonly refused: string | undefined; readonly unpacked: Unpacked }> {
  writeFileSync(file, bytes);
  const unpacked: Unpacked = { names: [], bytes: 0, opened: 0, closed: 0 };
  const placement = placer({ strip: 0, mergeUsr: false, exclude: [] }, refuse);
  const destination = {
    tree: memoryTree(unpacked),
    placer: placement,
    budget: budget(LIMITS, refuse),
    refuse,
    checkCancelled: () => {},
  };
  try {
    await unpackArchive(file, destination);
    return { refused: undefined, unpacked };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    return { refused: (error.failure as { readonly reason: string }).reason, unpacked };
  }
}

const entries = tar([
  { name: "d/", type: "5" },
  { name: "d/x", text: "hello\n" },
  { name: "l", type: "2", target: "d/x" },
  { name: "h", type: "1", target: "d/x" },
]);
const SEEDS = {
  tar: entries,
  gzip: gzipSync(entries),
  zstd: zstdCompressSync(entries),
  xz: XZ,
  bzip2: BZIP2,
  zip: ZIP,
  zip64: ZIP64,
  deb: deb(gzipSync(entries)),
} as const;

/** Numbers as the formats write them, and what else stands in headers. */
const PIECES = [
  Buffer.from("77777777777\0"),
  Buffer.from("\x80\0\0\0\0\0\0\x7f\xff\xff\xff\xff", "latin1"),
  Buffer.from("\xff\xff\xff\xff\xff\xff\xff\xff", "latin1"),
  Buffer.from("PK\x01\x02", "latin1"),
  Buffer.from("PK\x05\x06", "latin1"),
  Buffer.from("../../x"),
  Buffer.from("ustar\x0000"),
  Buffer.alloc(8),
];

const openFiles = (): number => {
  const descriptor = openSync("/dev/null", "r");
  closeSync(descriptor);
  return descriptor;
};

test.each(Object.entries(SEEDS))(
  "%s",
  async (_, seed) => {
    expect((await unpack(seed)).refused).toBeUndefined();
    const free = openFiles();
    await fc.assert(
      fc.asyncProperty(fc.array(anyHarm(PIECES), { minLength: 1, maxLength: 4 }), async (harms) => {
        const { refused, unpacked } = await unpack(harmed(seed, harms));
        const { names, bytes, opened, closed } = unpacked;
        if (refused === "" || names.length > LIMITS.entries || bytes > LIMITS.bytes || opened !== closed) {
          expect({ refused, names: names.length, bytes, opened }).toEqual({});
        }
      }),
      { numRuns: Math.ceil(runs / Object.keys(SEEDS).length) },
    );
    // The next descriptor is as low as before: nobody left a file open.
    expect(openFiles()).toBe(free);
  },
  timeout,
);
