/**
 * The values of this host's secrets, to be looked for where they must not stand, and to be kept out of what is said. Knows
 * where values are; never prints one.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SecretSearch } from "@cab/core";
import { errorCode, onDisk, Refused } from "./failure.ts";

export interface HostSecret {
  readonly name: string;
  readonly value: Buffer;
}

/** A shorter value would be found in what has nothing to do with it; and so would a word. */
export const SHORTEST_SECRET = 8;
const SHORTEST_OF_LETTERS = 16;
/** Longer files hold more than a secret. */
const LONGEST_SECRET = 2 ** 16;

const VARIABLE = "CAB_SECRET_";

export interface SecretPlaces {
  /** `$CAB_ROOT/etc/secrets`. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What can be read of them: what others own is theirs to guard. */
export function hostSecrets({ folder, env }: SecretPlaces): HostSecret[] {
  const given = env.CREDENTIALS_DIRECTORY ?? "";
  const folders = given === "" ? [folder] : [given, folder];
  const variables = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith(VARIABLE) && value !== undefined ? [{ name, value: Buffer.from(value) }] : [],
  );
  const files = folders.flatMap((each) => namesIn(each).flatMap((name) => secretIn(join(each, name), name)));
  return [...files, ...variables].flatMap(({ name, value }) => {
    const trimmed = withoutLineEnd(value);
    return isTelling(trimmed) ? [{ name, value: trimmed }] : [];
  });
}

const isTelling = (value: Buffer): boolean =>
  value.length >= (/^[A-Za-z]*$/.test(value.toString()) ? SHORTEST_OF_LETTERS : SHORTEST_SECRET);

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}

function secretIn(file: string, name: string): HostSecret[] {
  try {
    const stat = statSync(file);
    return stat.isFile() && stat.size <= LONGEST_SECRET ? [{ name, value: readFileSync(file) }] : [];
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}

function withoutLineEnd(value: Buffer): Buffer {
  let end = value.length;
  while (end > 0 && (value[end - 1] === 0x0a || value[end - 1] === 0x0d)) end--;
  return value.subarray(0, end);
}

/** The name of the first secret whose value is in these bytes. */
export const secretFound = (bytes: Uint8Array, secrets: readonly HostSecret[]): string | undefined => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return secrets.find(({ value }) => buffer.includes(value))?.name;
};

/** For streams: a value may lie across two pieces. */
export function secretSearch(secrets: readonly HostSecret[]): SecretSearch {
  const overlap = Math.max(0, ...secrets.map(({ value }) => value.length - 1));
  let end = Buffer.alloc(0);
  const found = new Set<string>();
  return {
    update: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const seam = Buffer.concat([end, bytes.subarray(0, overlap)]);
      for (const { name, value } of secrets) if (bytes.includes(value) || seam.includes(value)) found.add(name);
      end =
        bytes.length < overlap
          ? Buffer.concat([end, bytes]).subarray(-overlap)
          : Buffer.from(bytes.subarray(bytes.length - overlap));
    },
    finish: () => {
      const names = [...found];
      found.clear();
      end = Buffer.alloc(0);
      return names;
    },
  };
}

/** The text without any secret's value in it. */
export const withoutSecrets = (secrets: readonly HostSecret[]): ((text: string) => string) => {
  // Longest first: one value may begin another.
  const names = new Map(secrets.map(({ name, value }) => [value.toString(), name]));
  const values = [...names.keys()].sort((a, b) => b.length - a.length);
  const any = new RegExp(values.map((value) => value.replace(/[^\w\s]/g, "\\$&")).join("|"), "g");
  return (text) => (values.length === 0 ? text : text.replace(any, (value) => `(the secret ${names.get(value)})`));
};

/** How long each file below some folders is: what stands behind that was written later. */
export type Marks = ReadonlyMap<string, number>;

export function markFiles(folders: readonly string[]): Marks {
  const marks = new Map<string, number>();
  for (const folder of folders) {
    for (const file of filesBelow(folder)) marks.set(file, statSync(file, { throwIfNoEntry: false })?.size ?? 0);
  }
  return marks;
}

/** Throws `SecretFound` if what was written behind the marks holds a secret's value. */
export function requireNoSecretSince(marks: Marks, folders: readonly string[], secrets: readonly HostSecret[]): void {
  if (secrets.length === 0) return;
  for (const file of folders.flatMap(filesBelow)) {
    const bytes = onDisk("look for secrets", file, () => contentOf(file));
    // One that was rotated is read whole.
    const from = marks.get(file) ?? 0;
    const secret = secretFound(bytes.subarray(from > bytes.length ? 0 : from), secrets);
    if (secret !== undefined) throw new Refused({ _tag: "SecretFound", secret, file });
  }
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) =>
      entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
    );
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}
