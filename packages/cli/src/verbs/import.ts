/** `cab import`: takes the objects of an export from standard input. */
import { namePart } from "@cab/core";
import type { ImportOptions, ImportReport, RealisationCount } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { renderStreamFailure } from "../render-failure.ts";
import { counted } from "../size-text.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] < FILE",
  summary: "Takes the objects of an export into this store, and prints the paths that it was made for.",
  details: [
    "Each object enters whole or not at all, after its path was computed from its bytes: a stream can bring nothing that is",
    "not what its name says. If it is cut, damaged or forged, the objects before that place stay.",
    "",
    "What was built from what, the realisations, no bytes can prove. They are left out, and cab realise builds afresh from the",
    "sources that came, unless --trust-realisations says that whoever made the stream is to be believed.",
  ].join("\n"),
  flags: {
    "trust-realisations": { type: "boolean", help: "believe the stream which object is the result of which build" },
    json: { type: "boolean", help: "print one object: roots, imported, present, derivations, realisations" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length > 0) throw new UsageError("an export comes by standard input: cab import < FILE");
    const source = await host.input();
    if (source === null) throw new UsageError("import what? give a stream: cab import < FILE");
    const store = await openHostStore(host, cabRoot(host));
    const arrivals = countArrivals(host);
    try {
      const trustRealisations = flags["trust-realisations"] === true;
      const read = await store.importFrom(source, {
        signal: host.signal,
        trustRealisations,
        onHeader: arrivals.onHeader,
        onObject: arrivals.onObject,
      })();
      arrivals.stop();
      if (E.isLeft(read) && read.left._tag === "Cancelled") {
        host.err(arrivals.kept());
        return 1;
      }
      if (E.isLeft(read)) throw new Ended(`error: ${renderStreamFailure(read.left)}\n${arrivals.kept()}`);
      if (flags.json) host.out(`${JSON.stringify(read.right)}\n`);
      else say(host, read.right, trustRealisations);
      return 0;
    } finally {
      source.destroy();
      await store.close();
    }
  },
});

interface Arrivals extends Pick<ImportOptions, "onHeader" | "onObject"> {
  readonly stop: () => void;
  readonly kept: () => string;
}

/** What has come so far: shown on a terminal, and said when the import ends early. */
function countArrivals(host: Host): Arrivals {
  let imported = 0;
  let arrived = 0;
  let all: number | undefined;
  const draw = (text: string): void => {
    if (host.terminal !== null) host.err(`\r\x1b[K${text.slice(0, host.terminal.columns - 1)}`);
  };
  return {
    onHeader: ({ objects }) => {
      all = objects;
    },
    onObject: ({ path }, wasPresent) => {
      arrived++;
      if (!wasPresent) imported++;
      draw(`[${arrived}/${all}] ${namePart(path)}`);
    },
    stop: () => draw(""),
    kept: () => (all === undefined ? "" : `${counted(imported, "object")} of ${all} had come whole and stay\n`),
  };
}

function say(
  host: Host,
  { roots, imported, present, derivations, realisations }: ImportReport,
  trusted: boolean,
): void {
  for (const path of roots) host.out(`${path}\n`);
  const here = present === 0 ? "" : `, ${present} more were here`;
  const known = derivations === 0 ? "" : `, and ${counted(derivations, "derivation")}`;
  host.err(`imported ${counted(imported, "object")}${here}${known}\n`);
  for (const line of realisationLines(realisations, trusted)) host.err(`${line}\n`);
}

function realisationLines({ taken, left, disagreeing }: RealisationCount, trusted: boolean): string[] {
  const lines: string[] = [];
  if (taken > 0)
    lines.push(`took ${counted(taken, "realisation")}${trusted ? "" : ", which the objects' bytes prove"}`);
  if (left > 0) {
    lines.push(
      `left out ${counted(left, "realisation")}, which nothing in the stream proves; if you trust who made it: cab import --trust-realisations`,
    );
  }
  if (disagreeing > 0) {
    lines.push(
      `warning: of ${counted(disagreeing, "build")} this store has recorded another result, and keeps its own`,
    );
  }
  return lines;
}
