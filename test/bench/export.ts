/**
 * Takes a closure of some 250 MB (the seed's tree: 5,000 files, as a compiler and its tools have) from one store to
 * another through one file, beside `nix copy` through a file cache, where it is installed: compressed as cab does it, not
 * at all, and with --default also as Nix does it by itself (xz, which takes minutes). Each is a whole process, and writes
 * to a store or cache that has nothing yet. None is removed before the end, as in add-tree.ts.
 *
 *     node test/bench/export.ts [--default] [FOLDER]      FOLDER: on the file system to measure; default: the temporary one
 */
import { openSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  CHECKOUT,
  type Contender,
  installed,
  inTemporaryFolder,
  measure,
  realised,
  report,
  run,
  skip,
} from "./support.ts";

const withDefault = process.argv.includes("--default");
const parent = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? tmpdir();

const tree = await realised("seed");
const path = `/cab/store/${basename(tree)}`;
const storeRoot = join(tree, "../..");

/** What is dirty on the disk is written first, so that a round pays for its own work alone. */
const settled = async (folder: string): Promise<void> => void (await run("sync", ["-f", folder]));

const cabWith = (args: readonly string[], root: string, stdio: readonly ("ignore" | "inherit" | number)[]) =>
  run(join(CHECKOUT, "cab"), args, { env: { ...process.env, CAB_ROOT: root }, stdio: [...stdio, "ignore"] as never });

interface Way {
  readonly name: string;
  readonly out: Contender;
  readonly in: Contender;
}

function cabWay(folder: string): Way {
  const stream = join(folder, "stream");
  let imports = 0;
  return {
    name: "cab",
    out: {
      name: "cab export",
      prepare: () => settled(folder),
      run: async () => void (await cabWith(["export", path], storeRoot, ["ignore", openSync(stream, "w")])),
    },
    in: {
      name: "cab import",
      prepare: () => settled(folder),
      run: async () => {
        const there = join(folder, `there-${imports++}`);
        await cabWith(["import"], there, [openSync(stream, "r"), "ignore"]);
      },
    },
  };
}

async function nixWays(folder: string): Promise<Way[]> {
  const nix = installed("nix");
  if (nix === undefined) {
    skip("nix copy", "it is not installed");
    return [];
  }
  const copy = ["--extra-experimental-features", "nix-command", "copy", "--no-check-sigs"];
  const from = `local?root=${join(folder, "nix-here")}`;
  await mkdir(join(folder, "nix-here"));
  const added = (await run("nix-store", ["--store", from, "--add", tree])).trim();
  const env = { ...process.env, NIX_REMOTE: "", HOME: folder };
  return ["zstd", "none", ...(withDefault ? ["xz"] : [])].map((compression): Way => {
    let copies = 0;
    const cache = (): string => `file://${join(folder, `cache-${compression}-${copies}`)}?compression=${compression}`;
    let imports = 0;
    return {
      name: compression,
      out: {
        name: `nix copy, ${compression}`,
        prepare: async () => {
          copies++;
          // What Nix remembers of caches would keep it from writing.
          await rm(join(folder, ".cache"), { recursive: true, force: true });
          await settled(folder);
        },
        run: async () => void (await run(nix, [...copy, "--store", from, "--to", cache(), added], { env })),
      },
      in: {
        name: `nix copy, ${compression}`,
        prepare: () => settled(folder),
        run: async () => {
          const there = `local?root=${join(folder, `nix-there-${compression}-${imports++}`)}`;
          await run(nix, [...copy, "--from", cache(), "--to", there, added], { env });
        },
      },
    };
  });
}

await inTemporaryFolder(
  "export",
  async (folder) => {
    const ways = [...(await nixWays(folder)), cabWay(folder)];
    const outwards = ways.map((way) => way.out);
    const inwards = ways.map((way) => way.in);
    // What xz takes is not worth waiting for twice.
    report("out of a store", await measure(withDefault ? { rounds: 1, warmUp: 0 } : { rounds: 5 }, outwards));
    report("into an empty store", await measure({ rounds: 5 }, inwards));
  },
  parent,
);
