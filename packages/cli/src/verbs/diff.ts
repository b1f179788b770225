/** `cab diff`: which packages and versions two closures differ in, and by how many bytes; for generations, what that does to services. */
import {
  decodeUtf8,
  diffClosures,
  type EntryChange,
  type ObjectChange,
  type ObjectInfo,
  packageName,
  printable,
  referencesFirst,
  type StorePath,
  type TreeEntry,
  toHex,
  totalSize,
} from "@cab/core";
import { type Generation, generationNumbered, type Profile, Refused } from "@cab/profile";
import type { Store } from "@cab/store";
import { cabRoot } from "../cab-root.ts";
import { type GenerationChanges, generationChanges, paramText, unitText } from "../generation-facts.ts";
import { profileFolder, roleName } from "../role-host.ts";
import { changeText, sizeText } from "../size-text.ts";
import { NAMES_HELP, namedObjects } from "../store-names.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";
import { generationNumber } from "./rollback.ts";

export const verb = defineVerb({
  usage: "[--json] [--files] A B | ROLE N M",
  summary: "Compares the closures of A and B: packages and versions added, removed and changed, with their sizes.",
  details: [
    NAMES_HELP,
    "",
    "With ROLE and the numbers of two of its generations on this host: their closures, their parameters, and which services start,",
    "stop or restart between them, and why.",
  ].join("\n"),
  flags: {
    files: { type: "boolean", help: "list the files that differ within changed objects" },
    json: {
      type: "boolean",
      help: "print one object: before, after (bytes), and changes; of generations also params, units",
    },
  },
  run: async ({ positionals, flags }, host) => {
    const [a, b, c, ...rest] = positionals;
    if (a === undefined || b === undefined || rest.length > 0) {
      throw new UsageError("compare what? give two of NAME or PATH, or a ROLE and the numbers of two generations");
    }
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const options = { files: flags.files === true, json: flags.json === true };
      if (c !== undefined) {
        const wanted = { role: roleName(a), from: generationNumber("N", b), to: generationNumber("M", c) };
        const { infos, changes } = await comparedGenerations(store, wanted);
        report(host, compareClosures(store, infos, options), { ...options, generations: changes });
        return 0;
      }
      const { objects } = await namedObjects(host, root, store, [a, b]);
      const infos = objects.map(({ info }) => info) as [ObjectInfo, ObjectInfo];
      report(host, compareClosures(store, infos, options), { ...options, generations: undefined });
      return 0;
    } finally {
      await store.close();
    }
  },
});

interface Comparison {
  readonly before: number;
  readonly after: number;
  readonly changes: readonly Change[];
}

function compareClosures(
  store: Store,
  [a, b]: readonly [ObjectInfo, ObjectInfo],
  { files }: { readonly files: boolean },
): Comparison {
  const before = referencesFirst([a.path], store.object);
  const after = referencesFirst([b.path], store.object);
  const changes = diffClosures(before, after).map((change) => ({
    ...change,
    files: files ? changedFiles(store, change) : [],
  }));
  return { before: totalSize(before), after: totalSize(after), changes };
}

interface ReportOptions {
  readonly json: boolean;
  readonly generations: GenerationChanges | undefined;
}

function report(host: Host, { before, after, changes }: Comparison, { json, generations }: ReportOptions): void {
  const { params = [], units = [] } = generations ?? {};
  if (json) {
    const more = generations === undefined ? {} : { params, units };
    host.out(`${JSON.stringify({ before, after, changes: changes.map(record), ...more })}\n`);
    return;
  }
  host.out(changes.map(text).join(""));
  for (const change of params) host.out(`parameter ${paramText(change)}\n`);
  for (const change of units) host.out(`service ${unitText(change)}\n`);
  host.out(`${totalText(before, after)}\n`);
}

interface GenerationPair {
  readonly role: string;
  readonly from: number;
  readonly to: number;
}

async function comparedGenerations(
  store: Store,
  { role, from, to }: GenerationPair,
): Promise<{ readonly infos: readonly [ObjectInfo, ObjectInfo]; readonly changes: GenerationChanges }> {
  const files = { store, folder: profileFolder(store, role) };
  const profile = await files.folder.read();
  const [one, other] = [from, to].map((number) => generationHere(store, profile, number)) as [Generation, Generation];
  const changes = await generationChanges(files, one, other);
  if (changes === undefined) throw new Refused({ _tag: "NoGeneration", role, number: from });
  const infos = [one, other].map(({ path }) => store.object(path)) as [ObjectInfo, ObjectInfo];
  return { infos, changes };
}

function generationHere(store: Store, profile: Profile, number: number): Generation {
  const { role } = profile;
  const generation = generationNumbered(profile, number);
  if (generation === undefined) throw new Refused({ _tag: "NoGeneration", role, number });
  if (store.object(generation.path) === undefined) throw new Refused({ _tag: "GenerationGone", role, generation });
  return generation;
}

type Change = ObjectChange & { readonly files: readonly EntryChange[] };

const changedFiles = (store: Store, { before, after }: ObjectChange): readonly EntryChange[] =>
  before === null || after === null ? [] : store.entryChanges(before, after);

const totalText = (before: number, after: number): string =>
  `closure: ${sizeText(before)} → ${sizeText(after)} (${changeText(after - before)})`;

function text({ package: { name, output }, before, after, files }: Change): string {
  const label = output === "out" ? name : `${name}.${output}`;
  const lines = files.map(fileText).map((line) => `    ${line}\n`);
  return `${objectText(label, before, after)}\n${lines.join("")}`;
}

function objectText(label: string, before: ObjectInfo | null, after: ObjectInfo | null): string {
  const version = (info: ObjectInfo): string => packageName(info.path).version;
  const spaced = (text: string): string => (text === "" ? "" : ` ${text}`);
  if (before === null || after === null) {
    const info = (before ?? after) as ObjectInfo;
    return `${before === null ? "added   " : "removed "} ${label}${spaced(version(info))}  ${sizeText(info.size)}`;
  }
  const sizes = `${sizeText(before.size)} → ${sizeText(after.size)} (${changeText(after.size - before.size)})`;
  if (version(before) === version(after)) return `rebuilt  ${label}${spaced(version(after))}  ${sizes}`;
  return `changed  ${label} ${version(before)} → ${version(after)}  ${sizes}`;
}

function fileText({ path, before, after }: EntryChange): string {
  const name = path.length === 0 ? "." : printable(path);
  if (before === null) return `+ ${name}${entryText(after)}`;
  if (after === null) return `- ${name}${entryText(before)}`;
  return `~ ${name}${entryText(before)} →${entryText(after)}`;
}

function entryText(entry: TreeEntry | null): string {
  switch (entry?.kind) {
    case "file":
      return ` ${sizeText(entry.size)}${entry.executable ? ", executable" : ""}`;
    case "symlink":
      return entry.target.length === 0 ? " a symlink" : ` → ${printable(entry.target)}`;
    default:
      return " a directory";
  }
}

interface ChangeRecord {
  readonly name: string;
  readonly output: string;
  readonly before: ObjectRecord | null;
  readonly after: ObjectRecord | null;
  readonly files: readonly unknown[];
}
interface ObjectRecord {
  readonly path: StorePath;
  readonly version: string;
  readonly size: number;
}

const objectRecord = (info: ObjectInfo | null): ObjectRecord | null =>
  info === null ? null : { path: info.path, version: packageName(info.path).version, size: info.size };

const record = ({ package: { name, output }, before, after, files }: Change): ChangeRecord => ({
  name,
  output,
  before: objectRecord(before),
  after: objectRecord(after),
  files: files.map((change) => ({
    ...named(change.path),
    before: entryRecord(change.before),
    after: entryRecord(change.after),
  })),
});

/** A path that is not UTF-8 is given in hexadecimal. */
const named = (path: Uint8Array): Readonly<Record<string, string>> => {
  const name = decodeUtf8(path);
  return name === undefined ? { pathHex: toHex(path) } : { path: name };
};

const entryRecord = (entry: TreeEntry | null): unknown =>
  entry?.kind === "symlink" ? { kind: entry.kind, target: decodeUtf8(entry.target) ?? toHex(entry.target) } : entry;
