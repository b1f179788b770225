/** `cab diff`: which packages and versions two closures differ in, and by how many bytes. */
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
import type { Store } from "@cab/store";
import { cabRoot } from "../cab-root.ts";
import { changeText, sizeText } from "../size-text.ts";
import { NAMES_HELP, namedObjects } from "../store-names.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] [--files] A B",
  summary: "Compares the closures of A and B: packages and versions added, removed and changed, with their sizes.",
  details: NAMES_HELP,
  flags: {
    files: { type: "boolean", help: "list the files that differ within changed objects" },
    json: { type: "boolean", help: "print one object: before, after (bytes), and changes" },
  },
  run: async ({ positionals, flags }, host) => {
    const [a, b, ...rest] = positionals;
    if (a === undefined || b === undefined || rest.length > 0) {
      throw new UsageError("compare what? give two of NAME or PATH");
    }
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const { objects } = await namedObjects(host, root, store, [a, b]);
      const [before, after] = objects.map(({ info }) => referencesFirst([info.path], store.object)) as [
        ObjectInfo[],
        ObjectInfo[],
      ];
      const changes = diffClosures(before, after).map((change) => ({
        ...change,
        files: flags.files ? changedFiles(store, change) : [],
      }));
      if (flags.json) {
        const report = { before: totalSize(before), after: totalSize(after), changes: changes.map(record) };
        host.out(`${JSON.stringify(report)}\n`);
      } else {
        host.out(changes.map(text).join(""));
        host.out(`${totalText(totalSize(before), totalSize(after))}\n`);
      }
      return 0;
    } finally {
      await store.close();
    }
  },
});

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
