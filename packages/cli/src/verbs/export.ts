/** `cab export`: a closure as one stream on standard output, which `cab import` takes in another store. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  type Derivation,
  type DrvHash,
  knownPaths,
  type ObjectInfo,
  parseStorePath,
  type Realisation,
  referencesFirst,
  type StorePath,
  sortedPaths,
  topological,
  totalSize,
} from "@cab/core";
import type { ExportRequest, Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { deriversOf, knownRealisations, recordedOutputs } from "../known-results.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession, type RealiseSettings, type Session } from "../realise-names.ts";
import { renderStreamFailure } from "../render-failure.ts";
import { counted, sizeText } from "../size-text.ts";
import { NAMES_HELP, namedObjects } from "../store-names.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[FLAG…] NAME|PATH… > FILE",
  summary:
    "Writes these objects, and all that they refer to, to standard output: one compressed stream for cab import.",
  details: [
    NAMES_HELP,
    "",
    "With --build-closure it is all that building NAME takes on a machine without a network: sources, seed, tools, and every",
    "result that is here. Sources that are not here are fetched first; the flags of cab realise say how.",
  ].join("\n"),
  flags: {
    ...realiseFlags,
    except: {
      type: "string",
      value: "FILE",
      multiple: true,
      help: "leave out what the other side has: its cab path-info --all",
    },
    "build-closure": { type: "boolean", help: "write all that building takes as well: sources, seed and tools" },
    level: { type: "string", value: "N", help: "how hard to compress, from 1 to 19 (default: 2)" },
  },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("export what? give at least one NAME or PATH");
    const level = compressionLevel(flags.level);
    const except = (flags.except ?? []).flatMap((file) => listedPaths(file, resolve(host.cwd, file)));
    const sink = await host.output();
    if (sink === null)
      throw new UsageError("an export is no text: send it to a file or a program, cab export … > FILE");
    const root = cabRoot(host);
    const names = [...new Set(positionals)];
    const opened = flags["build-closure"]
      ? await withBuildClosure(host, root, names, realiseSettings(flags))
      : await withClosure(host, root, names);
    if (opened === undefined) return 1;
    const { store, wanted, close } = opened;
    try {
      const request = withoutExcepted(store, wanted, except);
      await keepAll(store, request);
      const written = await store.exportTo(request, sink, { signal: host.signal, level })();
      if (E.isLeft(written) && written.left._tag === "Cancelled") return 1;
      if (E.isLeft(written)) throw new Ended(`error: ${renderStreamFailure(written.left)}\n`);
      const { objects, derivations, realisations, header } = request;
      const left =
        header.needs.length === 0 ? "" : `; it needs ${counted(header.needs.length, "object")} of the other side`;
      host.err(
        `exported ${counted(objects.length, "object")}, ${sizeText(totalSize(objects))}, with ${counted(derivations.size, "derivation")} and ${counted(realisations.length, "realisation")}${left}\n`,
      );
      return 0;
    } finally {
      await close();
    }
  },
});

const MOST_LEVEL = 19;

function compressionLevel(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const level = Number(text);
  if (!Number.isInteger(level) || level < 1 || level > MOST_LEVEL) {
    throw new UsageError(`--level ${text}: give a whole number from 1 to ${MOST_LEVEL}`);
  }
  return level;
}

/** One store path on each line; empty lines say nothing. */
function listedPaths(name: string, file: string): StorePath[] {
  const lines = readLines(name, file);
  return lines.flatMap((line, i) => {
    if (line === "") return [];
    const path = parseStorePath(line);
    if (E.isRight(path)) return [path.right];
    throw new Ended(
      `error: ${name}:${i + 1}: expected a store path, as cab path-info --all prints them, found: ${line}\n`,
    );
  });
}

function readLines(name: string, file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch (error) {
    if (!(error instanceof Error && "syscall" in error)) throw error;
    throw new Ended(`error: --except ${name}: ${error.message}\n`);
  }
}

/** What is to be written, before what the other side has is left out. */
interface Wanted {
  readonly roots: readonly StorePath[];
  readonly objects: readonly ObjectInfo[];
  readonly derivations: ReadonlyMap<DrvHash, Derivation>;
  readonly realisations: readonly Realisation[];
}

interface Opened {
  readonly store: Store;
  readonly wanted: Wanted;
  readonly close: () => Promise<void>;
}

async function withClosure(host: Host, root: string, names: readonly string[]): Promise<Opened> {
  const store = await openHostStore(host, root);
  const { objects: named, derivation } = await namedObjects(host, root, store, names);
  const roots = named.map(({ info }) => info.path);
  const objects = referencesFirst(roots, store.object);
  const derivations = deriversOf(store, objects);
  const drvs = named.flatMap(({ drv }) => (drv === null ? [] : [drv]));
  const realisations = [
    ...knownRealisations(store, drvs, derivation),
    ...[...derivations].flatMap(([hash, drv]) => recordedOutputs(store, hash, drv)),
  ];
  return { store, wanted: { roots, objects, derivations, realisations: distinct(realisations) }, close: store.close };
}

async function withBuildClosure(
  host: Host,
  root: string,
  names: readonly string[],
  settings: RealiseSettings,
): Promise<Opened | undefined> {
  const isPath = names.find((name) => name.includes("/"));
  if (isPath !== undefined) throw new UsageError(`--build-closure takes NAMEs: ${isPath} does not say how it is built`);
  const session = await openSession(host, root, names, settings);
  const { store, derivation } = session;
  const drvs = [...session.roots.map(({ drv }) => drv), session.sandbox];
  if (!(await fetchSources(session, drvs))) {
    await session.close();
    return undefined;
  }
  const needed = topological(drvs, derivation);
  const outputs = needed.flatMap((hash) => Object.values(knownPaths(store, derivation(hash), hash) ?? {}));
  const objects = referencesFirst(outputs, store.object);
  const derivations = deriversOf(store, objects);
  for (const hash of needed) derivations.set(hash, derivation(hash));
  const realisations = [...derivations].flatMap(([hash, drv]) => recordedOutputs(store, hash, drv));
  const roots = session.roots.flatMap(({ drv }) => knownPaths(store, derivation(drv), drv)?.out ?? []);
  const present = roots.filter((path) => store.object(path) !== undefined);
  const wanted = { roots: present, objects, derivations, realisations: distinct(realisations) };
  return { store, wanted, close: session.close };
}

/** Makes sure that all promised bytes below the roots are here; false if some cannot be had. */
async function fetchSources({ store, derivation, realise }: Session, drvs: readonly DrvHash[]): Promise<boolean> {
  const missing = topological(drvs, derivation).filter((hash) => {
    const drv = derivation(hash);
    const isPromised = Object.values(drv.outputs).every(({ _tag }) => _tag === "FixedOutput");
    const paths = Object.values(knownPaths(store, drv, hash) ?? {});
    return isPromised && (paths.length === 0 || paths.some((path) => store.object(path) === undefined));
  });
  if (missing.length === 0) return true;
  const { realised } = await realise(missing);
  return !realised.outputs.includes(undefined);
}

/** So that no collector takes an object while it is being written. */
async function keepAll(store: Store, { objects }: ExportRequest): Promise<void> {
  const kept = await store.keep(objects.map(({ path }) => path))();
  if (E.isLeft(kept)) throw new Ended(`error: ${renderStreamFailure(kept.left)}\n`);
  const [gone] = kept.right;
  if (gone !== undefined) throw new Ended(`error: ${gone} was just collected; run the command again\n`);
}

/** One of each key. */
const distinct = (realisations: readonly Realisation[]): Realisation[] => [
  ...new Map(realisations.map((realisation) => [realisation.key, realisation])).values(),
];

/** The other side has whole closures, as every store does. */
function withoutExcepted(store: Store, wanted: Wanted, except: readonly StorePath[]): ExportRequest {
  const there = new Set([...except, ...referencesFirst(except, store.object).map(({ path }) => path)]);
  const objects = wanted.objects.filter(({ path }) => !there.has(path));
  const needs = new Set(objects.flatMap(({ references }) => references.filter((path) => there.has(path))));
  for (const path of wanted.roots) if (there.has(path)) needs.add(path);
  const { roots, derivations, realisations } = wanted;
  return { header: { roots, needs: sortedPaths(needs) }, objects, derivations, realisations };
}
