/** `cab why`: the ways along references from one object to another, and the files that hold each reference. */
import { decodeUtf8, type ObjectInfo, printable, type StorePath, shortestWaysBetween, toHex } from "@cab/core";
import type { Place, Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { NAMES_HELP, namedObjects } from "../store-names.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] [--ways N] A B",
  summary: "Says why A needs B: the shortest ways from A to B along references, and the files that hold each of them.",
  details: [NAMES_HELP, "", "Exit code: 0 if there is a way, 1 if A does not need B."].join("\n"),
  flags: {
    ways: { type: "string", value: "N", help: "print so many ways at most (default: 3)" },
    json: { type: "boolean", help: "print a list of ways, each a list of steps: from, to, places" },
  },
  run: async ({ positionals, flags }, host) => {
    const [a, b, ...rest] = positionals;
    if (a === undefined || b === undefined || rest.length > 0)
      throw new UsageError("why what? give two of NAME or PATH");
    const most = wanted(flags.ways);
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const { objects } = await namedObjects(host, root, store, [a, b]);
      const [from, to] = objects.map(({ info }) => info.path) as [StorePath, StorePath];
      const ways: Step[][] = [];
      let more = false;
      const steps = stepsOf(store);
      for (const way of shortestWaysBetween(from, to, store.object)) {
        more = ways.length === most;
        if (more) break;
        ways.push(await steps(way));
      }
      if (flags.json) host.out(`${JSON.stringify(ways.map((way) => way.map(stepRecord)))}\n`);
      else if (ways.length === 0) host.err(`${from} does not need ${to}\n`);
      else host.out(`${ways.map(wayText).join("\n")}${more ? `\nand more ways of this length: --ways N\n` : ""}`);
      return ways.length === 0 ? 1 : 0;
    } finally {
      await store.close();
    }
  },
});

const DEFAULT_WAYS = 3;

function wanted(text: string | undefined): number {
  const count = text === undefined ? DEFAULT_WAYS : Number(text);
  if (!Number.isInteger(count) || count < 1) throw new UsageError(`--ways ${text}: give a whole number from 1`);
  return count;
}

interface Step {
  readonly from: StorePath;
  readonly to: StorePath;
  readonly places: readonly Place[];
}

/** Reads each object once for each reference, however many ways go along it. */
function stepsOf(store: Store): (way: readonly StorePath[]) => Promise<Step[]> {
  const found = new Map<string, readonly Place[]>();
  const placesOf = async (from: StorePath, to: StorePath): Promise<readonly Place[]> => {
    const known = found.get(`${from} ${to}`);
    if (known !== undefined) return known;
    const places = await store.placesOf(to, store.object(from) as ObjectInfo)();
    if (E.isLeft(places)) throw new Ended(`error: ${renderStoreFailure(places.left)}\n`);
    found.set(`${from} ${to}`, places.right);
    return places.right;
  };
  return async (way) => {
    const steps: Step[] = [];
    for (let i = 0; i + 1 < way.length; i++) {
      const [from, to] = [way[i] as StorePath, way[i + 1] as StorePath];
      steps.push({ from, to, places: await placesOf(from, to) });
    }
    return steps;
  };
}

/** Places that are printed of one step; the others are counted. */
const PLACES = 5;

function wayText(steps: readonly Step[]): string {
  const lines = [steps[0]?.from ?? "an object needs itself"];
  for (const { to, places } of steps) {
    for (const place of places.slice(0, PLACES)) lines.push(`  ${placeText(place)}`);
    if (places.length > PLACES) lines.push(`  and ${places.length - PLACES} more places`);
    lines.push(`→ ${to}`);
  }
  return `${lines.join("\n")}\n`;
}

function placeText({ path, in: where, offset }: Place): string {
  const file = path.length === 0 ? "." : printable(path);
  if (where === "name") return `${file}: in its name`;
  return `${file}: ${where === "symlink" ? "in its target, " : ""}byte ${offset}`;
}

/** A path that is not UTF-8 is given in hexadecimal. */
const stepRecord = ({ from, to, places }: Step) => ({
  from,
  to,
  places: places.map(({ path, in: where, offset }) => {
    const name = decodeUtf8(path);
    return { ...(name === undefined ? { pathHex: toHex(path) } : { path: name }), in: where, offset };
  }),
});
