/**
 * A role's folder `var/profiles/ROLE` on disk: its generations, and the links that say which one counts. Every change is one rename
 * of something that is whole and synced. Knows no services.
 *
 * A generation is made in the order link, parameters, record: the link keeps the object from being collected, and without
 * a record there is no generation. Who changes links holds the lock that a collector holds, `exclusively`.
 */
import {
  closeSync,
  type Dirent,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { baseName, STORE_DIR, type StorePath, storePathOf } from "@cab/core";
import { errorCode, onDisk, Refused } from "./failure.ts";
import { type Generation, type GenerationRecord, type Profile, parseRecord, printRecord } from "./generation.ts";

/** What one name of the folder says beside the generations. */
export type Pointer = "current" | "pending";
/** Objects that must stay though no generation may need them: the running supervisor's, and what shows the host at `/cab`. */
export type Holder = "supervisor" | "view";

export interface ProfileFolder {
  readonly role: string;
  readonly read: () => Promise<Profile>;
  /** Makes the generation whole; what an interrupted attempt left under its number is replaced. */
  readonly add: (record: GenerationRecord, params: Uint8Array) => Promise<void>;
  readonly write: (record: GenerationRecord) => Promise<void>;
  readonly point: (pointer: Pointer, number: number) => Promise<void>;
  readonly unpoint: (pointer: Pointer) => Promise<void>;
  readonly hold: (holder: Holder, path: StorePath) => Promise<void>;
  /** Undefined if it is gone. */
  readonly params: (number: number) => Promise<Uint8Array | undefined>;
  /** The object that is held; undefined if none is. */
  readonly held: (holder: Holder) => Promise<StorePath | undefined>;
  /** Who is at it, for others to read. */
  readonly note: (words: string) => Promise<void>;
  readonly noted: () => Promise<string | null>;
}

export interface FolderOptions {
  /** `var/profiles/ROLE` on disk; made when it is first needed. */
  readonly folder: string;
  readonly role: string;
  /** Runs what changes links, under the lock that collectors hold too. */
  readonly exclusively: <A>(action: () => A) => Promise<A>;
}

const GENERATION = /^generation-([1-9][0-9]{0,8})(\.params|\.json)?$/;
/** Who changes this role now, in words; void once that process holds its claim no more. */
const NOTE = "busy";
const OWN = new Set(["current", "pending", "supervisor", "view", NOTE]);
/** Of a process that ended before the rename: nobody else begins names so. */
const TEMPORARY = ".new-";

const RECORD_LIMIT = 2 ** 20;
const NOTE_LIMIT = 200;

export const generationName = (number: number): string => `generation-${number}`;

export function openProfileFolder({ folder, role, exclusively }: FolderOptions): ProfileFolder {
  const file = (name: string): string => join(folder, name);
  const change = (operation: string, action: () => void): Promise<void> =>
    exclusively(() =>
      onDisk(operation, folder, () => {
        mkdirSync(folder, { recursive: true });
        action();
        syncDirectory(folder);
      }),
    );
  return {
    role,
    read: async () => onDisk("read the generations", folder, () => readProfile(folder, role)),
    add: (record, params) =>
      change("make the generation", () => {
        const name = generationName(record.number);
        // In the way of a new generation can only be what has no record.
        placeLink(join("../../../store", baseName(record.path)), file(name));
        placeFile(params, file(`${name}.params`));
        syncDirectory(folder);
        placeFile(printRecord(record), file(`${name}.json`));
      }),
    write: (record) =>
      change("write the generation's record", () =>
        placeFile(printRecord(record), file(`${generationName(record.number)}.json`)),
      ),
    point: (pointer, number) =>
      change(`set ${pointer}`, () => {
        // A collector may just have been asked to give it up.
        if (linkTarget(file(generationName(number))) === undefined) {
          throw new Refused({ _tag: "NoGeneration", role, number });
        }
        placeLink(generationName(number), file(pointer));
      }),
    unpoint: (pointer) => change(`remove ${pointer}`, () => rmSync(file(pointer), { force: true })),
    hold: (holder, path) =>
      change(`keep the ${holder}`, () => placeLink(join("../../../store", baseName(path)), file(holder))),
    params: async (number) =>
      onDisk("read the parameters", folder, () => contentOf(file(`${generationName(number)}.params`))),
    held: async (holder) =>
      onDisk(`read the ${holder}`, folder, () =>
        storePathOf(`${STORE_DIR}/${basename(linkTarget(file(holder)) ?? "")}`),
      ),
    note: async (words) =>
      onDisk("say who is at it", folder, () => {
        mkdirSync(folder, { recursive: true });
        placeFile(words, file(NOTE));
      }),
    noted: async () => {
      const words = onDisk("read who is at it", folder, () => contentOf(file(NOTE)));
      return words === undefined ? null : new TextDecoder().decode(words.subarray(0, NOTE_LIMIT)).trim();
    },
  };
}

function readProfile(folder: string, role: string): Profile {
  const numbers = new Set<number>();
  let next = 1;
  const foreign: string[] = [];
  for (const entry of entriesOf(folder)) {
    const [, digits, kind] = GENERATION.exec(entry.name) ?? [];
    if (digits === undefined) {
      if (!OWN.has(entry.name) && !entry.name.startsWith(TEMPORARY)) foreign.push(entry.name);
    } else if (kind === ".json") {
      numbers.add(Number(digits));
      next = Math.max(next, Number(digits) + 1);
    }
  }
  const generations = [...numbers]
    .sort((a, b) => a - b)
    .flatMap((number): Generation[] => {
      // A record without its link was given up by a collector that could not end.
      if (linkTarget(join(folder, generationName(number))) === undefined) return [];
      return [readRecord(join(folder, `${generationName(number)}.json`), number)];
    });
  const pointed = (pointer: Pointer): number | null => {
    const [, digits, kind] = GENERATION.exec(basename(linkTarget(join(folder, pointer)) ?? "")) ?? [];
    const number = kind === undefined && digits !== undefined ? Number(digits) : null;
    return generations.some((each) => each.number === number) ? number : null;
  };
  return { role, generations, current: pointed("current"), pending: pointed("pending"), next, foreign: foreign.sort() };
}

function readRecord(file: string, number: number): GenerationRecord {
  if (lstatSync(file).size > RECORD_LIMIT) throw new Refused({ _tag: "BadRecord", file, reason: "it is too large" });
  const record = parseRecord(readFileSync(file, "utf8"));
  if (record._tag === "Left") throw new Refused({ _tag: "BadRecord", file, reason: record.left });
  if (record.right.number !== number)
    throw new Refused({ _tag: "BadRecord", file, reason: `number: expected ${number}` });
  return record.right;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

function linkTarget(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw error;
  }
}

function contentOf(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

const besideOf = (file: string): string => join(file, "..", `${TEMPORARY}${basename(file)}`);

function placeLink(target: string, link: string): void {
  const temporary = besideOf(link);
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, link);
}

function placeFile(content: string | Uint8Array, file: string): void {
  const temporary = besideOf(file);
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, "wx", 0o644);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

function syncDirectory(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
