/** Reads a builtin's parameters from a derivation's environment, strictly. Knows nothing of what they mean. */
import { type BuildJob, parseStorePath, type StorePath } from "@cab/core";
import { fail } from "../failure.ts";

export interface Arguments {
  readonly bad: (reason: string) => never;
  readonly text: (key: string) => string | undefined;
  readonly required: (key: string) => string;
  /** A decimal number without sign, at most 2^53 - 1. */
  readonly count: (key: string) => number | undefined;
  /** "1" or "0" or absent. */
  readonly flag: (key: string) => boolean;
  /** A JSON array of strings; empty if absent. */
  readonly strings: (key: string) => readonly string[];
  /** A JSON array; empty if absent. */
  readonly items: (key: string) => readonly unknown[];
  /** A JSON object's entries, in its own order; empty if absent. */
  readonly entries: (key: string) => readonly (readonly [string, unknown])[];
}

interface Source {
  readonly builtin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly keys: readonly string[];
  /** Keys that may stand there without a meaning: outputs' paths. */
  readonly ignored: readonly string[];
}

export function argumentsOf({ builtin, env, keys, ignored }: Source): Arguments {
  const bad = (reason: string): never => fail({ _tag: "BadArguments", builtin, reason });
  for (const key of Object.keys(env)) {
    if (!keys.includes(key) && !ignored.includes(key)) bad(`it knows no "${key}"; it takes ${keys.join(", ")}`);
  }
  const text = (key: string): string | undefined => (Object.hasOwn(env, key) ? env[key] : undefined);
  const json = (key: string): unknown => {
    const source = text(key);
    if (source === undefined) return undefined;
    try {
      return JSON.parse(source);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return bad(`"${key}" is not JSON: ${error.message}`);
    }
  };
  const items = (key: string): readonly unknown[] => {
    const value = json(key) ?? [];
    return Array.isArray(value) ? value : bad(`"${key}" must be a JSON array`);
  };
  return {
    bad,
    text,
    items,
    required: (key) => text(key) ?? bad(`"${key}" is missing`),
    count: (key) => {
      const source = text(key);
      if (source === undefined) return undefined;
      const value = Number(source);
      return /^(0|[1-9][0-9]*)$/.test(source) && Number.isSafeInteger(value) ? value : bad(`"${key}" must be a number`);
    },
    flag: (key) => {
      const source = text(key) ?? "0";
      return source === "0" || source === "1" ? source === "1" : bad(`"${key}" must be "0" or "1"`);
    },
    strings: (key) => {
      const values = items(key);
      return values.every((value) => typeof value === "string") ? values : bad(`"${key}" must hold strings only`);
    },
    entries: (key) => {
      const value = json(key) ?? {};
      if (typeof value !== "object" || value === null || Array.isArray(value)) bad(`"${key}" must be a JSON object`);
      return Object.entries(value as object);
    },
  };
}

/** A store path among the job's inputs, and where it lies on disk. */
export function inputObject(args: Arguments, job: BuildJob, text: string): { path: StorePath; file: string } {
  const path = parseStorePath(text);
  if (path._tag === "Left") return args.bad(`${JSON.stringify(text)} is no store path: ${path.left.reason}`);
  if (!job.inputs.includes(path.right)) return args.bad(`${text} is not among the derivation's inputs`);
  return { path: path.right, file: job.physical(path.right) };
}
