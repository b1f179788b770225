/** What a verb of the command line is, and how its arguments are read. Knows no particular verb. */
import type { Readable, Writable } from "node:stream";
import { type ParseArgsConfig, parseArgs } from "node:util";

export interface Flag {
  readonly type: "boolean" | "string";
  /** Name of the value in help; for strings. */
  readonly value?: string;
  readonly short?: string;
  readonly multiple?: boolean;
  readonly help: string;
}

export type Flags = Readonly<Record<string, Flag>>;

/** The parsed value of each flag; absent if it was not given. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]?: F[K]["type"] extends "boolean"
    ? boolean
    : F[K]["multiple"] extends true
      ? string[]
      : string;
};

/** The process's surroundings: the only way in which a verb sees them. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly pid: number;
  /** What its user typed behind `cab`. */
  readonly words: readonly string[];
  /** Effective user. */
  readonly uid: number;
  readonly cores: number;
  /** Whether progress may redraw lines, and how wide they are. */
  readonly terminal: { readonly columns: number } | null;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Standard input and output as streams of bytes; null where a person sits at a terminal. */
  readonly input: () => Promise<Readable | null>;
  readonly output: () => Promise<Writable | null>;
  /** Milliseconds since 1970. */
  readonly time: () => number;
  /** Seconds since some fixed moment. */
  readonly now: () => number;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface Verb<F extends Flags = Flags> {
  /** What stands behind the verb in its usage line. */
  readonly usage: string;
  readonly summary: string;
  /** Further paragraphs of its help. */
  readonly details?: string;
  readonly flags: F;
  /** Whether everything behind the first word belongs to another program, dashes or not: `cab run NAME PROGRAM -x`. */
  readonly passesOn?: boolean;
  /** Whether SIGTERM is how it normally ends, so that its own exit code counts then. */
  readonly endsBySignal?: boolean;
  /** Returns the exit code. */
  run(input: { readonly positionals: readonly string[]; readonly flags: FlagValues<F> }, host: Host): Promise<number>;
}

/** For its type alone: keeps a verb's flags known to its `run`. */
export const defineVerb = <const F extends Flags>(verb: Verb<F>): Verb => verb;

/** A mistake on the command line: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function parseVerbArguments(verb: Verb, args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries({ ...verb.flags, ...COMMON_FLAGS }).map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short === undefined ? {} : { short }), ...(multiple ? { multiple } : {}) },
    ]),
  );
  try {
    const own = verb.passesOn ? ownLength(args, options) : args.length;
    const { values, positionals } = parseArgs({
      args: args.slice(0, own),
      options,
      allowPositionals: true,
      strict: true,
    });
    return { positionals: [...positionals, ...args.slice(own)], flags: values as Record<string, never> };
  } catch (error) {
    if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/** How many of the arguments come before the first word that is neither a flag nor a flag's value. */
function ownLength(args: readonly string[], options: NonNullable<ParseArgsConfig["options"]>): number {
  const { tokens } = parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true });
  return tokens.find(({ kind }) => kind === "positional")?.index ?? args.length;
}

export const COMMON_FLAGS: Flags = { help: { type: "boolean", short: "h", help: "print this" } };

export function helpText(name: string, verb: Verb): string {
  const flags = Object.entries({ ...verb.flags, ...COMMON_FLAGS }).map(([flag, { value, short, help }]) => {
    const spelling = `${short === undefined ? "    " : `-${short}, `}--${flag}${value === undefined ? "" : ` ${value}`}`;
    return `  ${spelling.padEnd(28)}${help}`;
  });
  return [
    `usage: cab ${name} ${verb.usage}`.trimEnd(),
    "",
    verb.summary,
    ...(verb.details === undefined ? [] : ["", verb.details]),
    "",
    ...flags,
    "",
  ].join("\n");
}
