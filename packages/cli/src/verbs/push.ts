/** `cab push`: copies closures to a binary cache, from which `--from` takes them. */
import { resolve } from "node:path";
import {
  type DrvHash,
  type ObjectInfo,
  type Realisation,
  realisationsOf,
  type StorePath,
  topological,
} from "@cab/core";
import { cabRoot } from "../cab-root.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession, type Session } from "../realise-names.ts";
import { defineVerb, UsageError } from "../verb.ts";

export const verb = defineVerb({
  usage: "[FLAG…] DIRECTORY NAME…",
  summary: "Realises these roles or packages and copies them, with all that they refer to, to the cache in DIRECTORY.",
  details:
    "What they were built with is known there afterwards too, but its bytes are copied only with --build-closure.",
  flags: {
    ...realiseFlags,
    "build-closure": { type: "boolean", help: "copy what was needed to build them as well: toolchain and sources" },
  },
  run: async ({ positionals, flags }, host) => {
    const [directory, ...names] = positionals;
    if (directory === undefined || names.length === 0) throw new UsageError("push what where? give DIRECTORY and NAME");
    const session = await openSession(host, cabRoot(host), names, { ...realiseSettings(flags), keepOutputs: true });
    try {
      const { realised } = await session.realise(session.roots.map(({ drv }) => drv));
      if (realised.outputs.includes(undefined)) return 1;
      const realisations = knownRealisations(session);
      const here = flags["build-closure"]
        ? realisations.map(({ path }) => path)
        : realised.outputs.flatMap((o) => o?.out ?? []);
      const objects = referencesFirst(session, here);
      const { directoryBlobs, publish } = await import("@cab/executor");
      await publish(directoryBlobs(resolve(host.cwd, directory)), { objects, realisations });
      host.err(`${objects.length} objects and ${realisations.length} realisations are in ${directory}\n`);
      return 0;
    } finally {
      await session.close();
    }
  },
});

/** Everything that this store knows of the derivations below the roots: what lets another store skip building them. */
function knownRealisations({ roots, derivation, store }: Session): Realisation[] {
  return topological(
    roots.map(({ drv }) => drv),
    derivation,
  ).flatMap((hash: DrvHash) => {
    const drv = derivation(hash);
    return realisationsOf(drv, hash, {}).flatMap(({ key }) => {
      const path = store.realisation(key);
      return path === undefined ? [] : [{ key, path }];
    });
  });
}

/** What is here of the closure, each object after those that it refers to. */
function referencesFirst({ store }: Session, roots: readonly StorePath[]): { info: ObjectInfo; file: string }[] {
  const ordered = new Map<StorePath, { info: ObjectInfo; file: string }>();
  const stack = roots.map((path) => ({ path, entered: false }));
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { path, entered } = frame;
    const info = ordered.has(path) ? undefined : store.object(path);
    if (info === undefined) continue;
    if (entered) {
      ordered.set(path, { info, file: store.physical(path) });
      continue;
    }
    stack.push({ path, entered: true });
    for (const reference of info.references) stack.push({ path: reference, entered: false });
  }
  return [...ordered.values()];
}
