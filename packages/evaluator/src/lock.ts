/**
 * `cab.lock`: which bytes every fetch means. JSON with one pin a line, sorted by the UTF-8 bytes of its key, so that
 * two branches merge line by line:
 *
 *     {"version":1,"pins":{
 *     "npm:left-pad@1.3.0": {"url":"mirror://npm/…","size":2345,"sha512":"…"}
 *     }}
 *
 * Exactly this layout is read, since nothing but `cab lock` writes it. Knows nothing of downloading.
 */
import { join } from "node:path";
import { compareUtf8, type Pin, sortedKeys } from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { EvaluatorFailure } from "./failure.ts";
import type { ReadLog } from "./observe.ts";
import { displayFile, type Workspace, type Workspaces } from "./workspace.ts";

/** By `fetchKey`. */
export type Pins = Readonly<Record<string, Pin>>;

export const LOCK_FILE = "cab.lock";

export const lockFile = ({ root }: Workspace): string => join(root, LOCK_FILE);

const HEAD = '{"version":1,"pins":{';
const TAIL = "}}";

export function renderLock(pins: Pins): string {
  const lines = sortedKeys(pins).map((key) => {
    const { url, size, algo, digest } = pins[key] as Pin;
    return `${JSON.stringify(key)}: ${JSON.stringify({ url, size, [algo]: digest })}`;
  });
  return `${[HEAD, ...(lines.length > 0 ? [lines.join(",\n")] : []), TAIL].join("\n")}\n`;
}

/** `file` is how a failure names the lock. */
export function parseLock(text: string, file: string): Either<EvaluatorFailure, Pins> {
  const bad = (line: number, reason: string): Either<EvaluatorFailure, never> =>
    left({ _tag: "BadLock", file, line, reason });
  const lines = text.split("\n");
  const conflict = lines.findIndex((line) => /^(<{7}|={7}|>{7})/.test(line));
  if (conflict !== -1) return bad(conflict + 1, "an unresolved merge conflict");
  if (lines[0] !== HEAD) return bad(1, `expected ${HEAD}`);
  if (lines.pop() !== "") return bad(lines.length + 1, "expected a newline at the end");
  if (lines.length < 2 || lines.pop() !== TAIL) return bad(lines.length + 1, `expected ${TAIL} in the last line`);
  const pins: Record<string, Pin> = Object.create(null) as Record<string, Pin>;
  let previous: string | undefined;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] as string;
    const isLast = i === lines.length - 1;
    if (line.endsWith(",") === isLast) return bad(i + 1, isLast ? "a comma behind the last pin" : "expected a comma");
    const entry = parsePin(isLast ? line : line.slice(0, -1));
    if (entry === undefined) return bad(i + 1, 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…}');
    if (previous !== undefined && compareUtf8(previous, entry.key) >= 0) {
      return bad(i + 1, previous === entry.key ? `${entry.key} is pinned twice` : `${entry.key} is out of order`);
    }
    pins[entry.key] = entry.pin;
    previous = entry.key;
  }
  return right(pins);
}

function parsePin(line: string): { key: string; pin: Pin } | undefined {
  const [, quotedKey, body] = /^("(?:[^"\\]|\\.)*"): (\{.*\})$/.exec(line) ?? [];
  const key = parseJson(quotedKey);
  const value = parseJson(body);
  if (typeof key !== "string" || typeof value !== "object" || value === null) return undefined;
  const { url, size, ...digests } = value as Record<string, unknown>;
  const [algo, ...others] = Object.keys(digests);
  if (typeof url !== "string" || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if ((algo !== "sha256" && algo !== "sha512") || others.length > 0) return undefined;
  const digest = digests[algo];
  const length = algo === "sha256" ? 64 : 128;
  if (typeof digest !== "string" || digest.length !== length || !/^[0-9a-f]*$/.test(digest)) return undefined;
  return { key, pin: { url, size, algo, digest } };
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The pins of all workspaces; the user's win. A workspace without a lock file pins nothing. */
export function readLocks(workspaces: Workspaces, log: ReadLog): Either<EvaluatorFailure, Pins> {
  const pins: Record<string, Pin> = Object.create(null) as Record<string, Pin>;
  for (const workspace of [...workspaces].reverse()) {
    const bytes = log.readFile(lockFile(workspace));
    if (bytes === undefined) continue;
    const parsed = parseLock(bytes.toString(), displayFile(workspace, LOCK_FILE));
    if (isLeft(parsed)) return parsed;
    Object.assign(pins, parsed.right);
  }
  return right(pins);
}
