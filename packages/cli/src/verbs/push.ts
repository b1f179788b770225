/** `cab push`: copies closures to a binary cache, from which `--from` takes them. */
import { resolve } from "node:path";
import { referencesFirst } from "@cab/core";
import { cabRoot } from "../cab-root.ts";
import { knownRealisations } from "../known-results.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession } from "../realise-names.ts";
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
      const { store, derivation } = session;
      const drvs = session.roots.map(({ drv }) => drv);
      const { realised } = await session.realise(drvs);
      if (realised.outputs.includes(undefined)) return 1;
      const realisations = knownRealisations(store, drvs, derivation);
      const here = flags["build-closure"]
        ? realisations.map(({ path }) => path)
        : realised.outputs.flatMap((o) => o?.out ?? []);
      const objects = referencesFirst(here, store.object).map((info) => ({ info, file: store.physical(info.path) }));
      const { directoryBlobs, publish } = await import("@cab/executor");
      await publish(directoryBlobs(resolve(host.cwd, directory)), { objects, realisations });
      host.err(`${objects.length} objects and ${realisations.length} realisations are in ${directory}\n`);
      return 0;
    } finally {
      await session.close();
    }
  },
});
