/**
 * `cab.lock`: which bytes every fetch means. JSON with one pin a line, sorted by the UTF-8 bytes of its key:
 *
 *     {
 *     "git:https://example.org/x.git#v1": {"commit":"5f1d…","tree":"9b0c…"},
 *     "npm:left-pad@1.3.0": {"url":"mirror://npm/…","size":2345,"sha512":"81b6…"},
 *     "version":1}
 *
 * What is no pin stands behind them, so that every pin's line ends alike and two branches merge line by line. Exactly
 * this layout is read, since nothing but `cab lock` writes it. Knows nothing of downloading.
 */
import { join } from "node:path";
import { compareUtf8, isCommit, isGitKey, type Pin, sortedKeys } from "@cab/core";
import { type Either, isLeft, left, right } from "fp-ts/lib/Either.js";
import type { EvaluatorFailure } from "./failure.ts";
import type { ReadLog } from "./observe.ts";
import { displayFile, type Workspace, type Workspaces } from "./workspace.ts";

/** By `fetchKey`. */
export type Pins = Readonly<Record<string, Pin>>;

export const LOCK_FILE = "cab.lock";

export const lockFile = ({ root }: Workspace): string => join(root, LOCK_FILE);

const HEAD = "{";
const TAIL = '"version":1}';

export const renderLock = (pins: Pins): string =>
  [HEAD, ...sortedKeys(pins).map((key) => `${JSON.stringify(key)}: ${pinText(pins[key] as Pin)},`), TAIL, ""].join(
    "\n",
  );

/** One pin as its line has it: equal texts are equal pins. */
export const pinText = (pin: Pin): string =>
  JSON.stringify(
    pin._tag === "Git"
      ? { commit: pin.commit, tree: pin.digest }
      : { url: pin.url, size: pin.size, [pin.algo]: pin.digest },
  );

const EXPECTED = 'expected "<key>": {"url":…,"size":…,"sha256" or "sha512":…} or {"commit":…,"tree":…}, and a comma';

/** `file` is how a failure names the lock. */
export function parseLock(text: string, file: string): Either<EvaluatorFailure, Pins> {
  const bad = (line: number, reason: string): Either<EvaluatorFailure, never> =>
    left({ _tag: "BadLock", file, line, reason });
  const lines = text.split("\n");
  const conflict = lines.findIndex((line) => /^(<{7}|={7}|>{7})/.test(line));
  if (conflict !== -1) return bad(conflict + 1, "an unresolved merge conflict");
  if (lines[0] !== HEAD) return bad(1, `expected ${HEAD}`);
  if (lines.pop() !== "") return bad(lines.length + 1, "expected a newline at the end");
  if (lines.pop() !== TAIL) return bad(lines.length + 1, `expected ${TAIL} in the last line`);
  const pins: Record<string, Pin> = Object.create(null) as Record<string, Pin>;
  let previous: string | undefined;
  for (let i = 1; i < lines.length; i++) {
    const entry = parsePin(lines[i] as string);
    if (entry === undefined) return bad(i + 1, EXPECTED);
    if (previous !== undefined && compareUtf8(previous, entry.key) >= 0) {
      return bad(i + 1, previous === entry.key ? `${entry.key} is pinned twice` : `${entry.key} is out of order`);
    }
    pins[entry.key] = entry.pin;
    previous = entry.key;
  }
  return right(pins);
}

function parsePin(line: string): { key: string; pin: Pin } | undefined {
  const [, quotedKey, body] = /^("(?:[^"\\]|\\.)*"): (\{.*\}),$/.exec(line) ?? [];
  const key = parseJson(quotedKey);
  const value = parseJson(body);
  if (typeof key !== "string" || typeof value !== "object" || value === null) return undefined;
  const pin = isGitKey(key) ? gitPin(value) : filePin(value);
  return pin && { key, pin };
}

function gitPin(value: object): Pin | undefined {
  const { commit, tree, ...others } = value as Record<string, unknown>;
  if (typeof commit !== "string" || !isCommit(commit) || !isDigest(tree, 64)) return undefined;
  return Object.keys(others).length > 0 ? undefined : { _tag: "Git", commit, digest: tree };
}

function filePin(value: object): Pin | undefined {
  const { url, size, ...digests } = value as Record<string, unknown>;
  const [algo, ...others] = Object.keys(digests);
  if (typeof url !== "string" || typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return undefined;
  if ((algo !== "sha256" && algo !== "sha512") || others.length > 0) return undefined;
  const digest = digests[algo];
  return isDigest(digest, algo === "sha256" ? 64 : 128) ? { _tag: "File", url, size, algo, digest } : undefined;
}

const isDigest = (value: unknown, length: number): value is string =>
  typeof value === "string" && value.length === length && /^[0-9a-f]*$/.test(value);

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The pins of all these workspaces; the first one's win. A workspace without a lock file pins nothing. */
export function readLocks(
  workspaces: Workspaces,
  { readFile }: Pick<ReadLog, "readFile">,
): Either<EvaluatorFailure, Pins> {
  const pins: Record<string, Pin> = Object.create(null) as Record<string, Pin>;
  for (const workspace of [...workspaces].reverse()) {
    const bytes = readFile(lockFile(workspace));
    if (bytes === undefined) continue;
    const parsed = parseLock(bytes.toString(), displayFile(workspace, LOCK_FILE));
    if (isLeft(parsed)) return parsed;
    Object.assign(pins, parsed.right);
  }
  return right(pins);
}
