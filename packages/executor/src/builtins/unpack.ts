/**
 * `builtin:unpack@1`: archives to one tree, later ones over earlier ones.
 *
 *     sources   JSON array of the archives' store paths, in order
 *     strip     leading components that are dropped from every name; default 0
 *     mergeUsr  "1": bin, sbin, lib and lib64 move below usr and become links at the root, as in Debian's merged /usr
 *     exclude   JSON array of paths (`*` stands for any part of one component) that are left out, with all below them
 *     maxBytes, maxEntries, maxRatio   bounds other than the engine's own
 *
 * Formats: deb (its data only), tar plain or by gzip, xz, bzip2, zstd (so npm's tgz too), zip.
 */

import { budget } from "../archives/budget.ts";
import { MERGED_DIRECTORIES, placer } from "../archives/entry.ts";
import { unpackArchive } from "../archives/unpack.ts";
import { fail } from "../failure.ts";
import { type Refuse, readableName, treeWriter } from "../tree/tree-writer.ts";
import { inputObject } from "./arguments.ts";
import type { Builtin } from "./builtin.ts";

export const unpack: Builtin = {
  name: "builtin:unpack@1",
  keys: ["sources", "strip", "mergeUsr", "exclude", "maxBytes", "maxEntries", "maxRatio"],
  run: async ({ args, job, host, out }) => {
    const sources = args.strings("sources").map((text) => inputObject(args, job, text));
    if (sources.length === 0) args.bad('"sources" names no archive');
    const mergeUsr = args.flag("mergeUsr");
    let archive = "";
    const refuse: Refuse = (entry, reason) =>
      fail({ _tag: "BadArchive", archive, entry: entry === null ? null : readableName(entry), reason });
    const tree = treeWriter(out, refuse);
    const destination = {
      tree,
      refuse,
      checkCancelled: () => {
        if (job.signal.aborted) fail({ _tag: "Cancelled" });
      },
      placer: placer({ strip: args.count("strip") ?? 0, mergeUsr, exclude: args.strings("exclude") }, refuse),
      budget: budget(
        {
          bytes: args.count("maxBytes") ?? host.unpackLimits.bytes,
          entries: args.count("maxEntries") ?? host.unpackLimits.entries,
          ratio: args.count("maxRatio") ?? host.unpackLimits.ratio,
        },
        refuse,
      ),
    };
    tree.directory("");
    for (const source of sources) {
      archive = source.path;
      await unpackArchive(source.file, destination);
    }
    if (!mergeUsr) return;
    for (const name of MERGED_DIRECTORIES) {
      tree.directory(`usr/${name}`);
      tree.symlink(name, `usr/${name}`);
    }
  },
};
