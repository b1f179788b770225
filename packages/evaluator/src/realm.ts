/**
 * Runs a bundle in a realm of its own: a `node:vm` context with ECMAScript's globals only, pure and frozen. A fence
 * against accidents, not a sandbox against attackers: recipes are as trusted as the builds that they describe. Knows
 * nothing of source maps: positions are the bundle's.
 */
import { hash } from "node:crypto";
import { type Context, constants, createContext, Script } from "node:vm";
import { isLeft } from "fp-ts/lib/Either.js";
import type { LocalReader } from "./local.ts";
import {
  type LocalAnswer,
  type ProgramHost,
  type RealmInput,
  type RealmReport,
  type RealmResult,
  realmProgram,
} from "./realm-program.ts";
import { purify } from "./realm-purity.ts";

/** The bundle's name in stacks. */
export const BUNDLE_FILE = "cab-bundle.js";

export interface RealmOptions {
  /** Declares a variable `cab`. */
  readonly code: string;
  readonly input: RealmInput;
  readonly local: LocalReader;
  readonly timeLimitSeconds: number;
}

export interface BundlePosition {
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

export type RealmOutcome =
  | { readonly _tag: "Ended"; readonly report: RealmReport; readonly graph: Uint8Array | null }
  /** Where the bundle spent its time, innermost first. */
  | { readonly _tag: "TimedOut"; readonly positions: readonly BundlePosition[] };

/** Seconds for which a script that never ended runs again to see where it is. */
const PROFILE_SECONDS = 2;

export async function runInRealm(options: RealmOptions): Promise<RealmOutcome> {
  const result = run(options, options.timeLimitSeconds);
  if (result !== undefined) {
    const { report, graph } = result;
    return {
      _tag: "Ended",
      report: JSON.parse(report) as RealmReport,
      graph: graph === null ? null : Buffer.from(graph),
    };
  }
  return timedOut(options);
}

/** The outcome for a bundle that is known not to end. */
export async function timedOut(options: RealmOptions): Promise<RealmOutcome> {
  const { profiledPositions } = await import("./realm-profile.ts");
  const seconds = Math.min(PROFILE_SECONDS, options.timeLimitSeconds);
  return { _tag: "TimedOut", positions: profiledPositions(BUNDLE_FILE, () => run(options, seconds)) };
}

export interface Realm {
  readonly context: Context;
  /** A function of the realm's that runs what a bundle declares. */
  readonly program: ReturnType<typeof realmProgram>;
}

/** `stackFrames`: how many an error keeps. */
export function openRealm(
  { input, local }: Omit<RealmOptions, "code">,
  { stackFrames }: { readonly stackFrames: number },
): Realm {
  const context = createContext(constants.DONT_CONTEXTIFY, { codeGeneration: { strings: false, wasm: false } });
  const inRealm = (text: string): unknown => new Script(text, { filename: "cab-realm.js" }).runInContext(context);
  (inRealm(`(${purify})`) as typeof purify)(stackFrames);
  const outside: ProgramHost = {
    ask: (request) => JSON.stringify(answer(local(JSON.parse(request)))),
    // Always a string: core's, and nothing that a recipe made.
    hashText: (text) => hash("sha256", text),
  };
  const program = (inRealm(`(${realmProgram})`) as typeof realmProgram)(outside, JSON.stringify(input));
  return { context, program };
}

// Ten, the default, may all be builders'; a recipe's own frame must be among those kept.
const STACK_FRAMES = 50;

/** Undefined if the time limit ended it. The bundle starts on the script's first line, so no line of it moves. */
function run(options: RealmOptions, seconds: number): RealmResult | undefined {
  const { context, program } = openRealm(options, { stackFrames: STACK_FRAMES });
  Object.defineProperty(context, "cabProgram", { value: program, configurable: true });
  const script = new Script(`${BEFORE}${options.code}${AFTER}`, { filename: BUNDLE_FILE });
  try {
    return script.runInContext(context, { timeout: seconds * 1000 }) as RealmResult;
  } catch (error) {
    if (Object(error).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
    throw error;
  }
}

// Strict, as modules are: esbuild leaves that to whoever runs its script.
const BEFORE =
  "(() => { const run = cabProgram; delete globalThis.cabProgram; Object.freeze(globalThis); return run(() => {'use strict';";
const AFTER = "\nreturn cab; }); })()";

/** Columns by which the bundle's first line is moved. */
export const FIRST_LINE_SHIFT = BEFORE.length;

const answer = (source: ReturnType<LocalReader>): LocalAnswer =>
  isLeft(source) ? { failure: source.left } : { source: source.right };
