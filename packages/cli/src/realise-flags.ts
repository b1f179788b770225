/** The flags that every verb that realises understands. */
import { evaluationFlags, evaluationSettings } from "./evaluation-flags.ts";
import type { RealiseSettings } from "./realise-names.ts";
import { type Flags, type FlagValues, UsageError } from "./verb.ts";

export const realiseFlags = {
  jobs: { type: "string", short: "j", value: "N", help: "builders at once (default: one for each core)" },
  "keep-going": { type: "boolean", short: "k", help: "after a failure, go on with what does not depend on it" },
  from: { type: "string", value: "DIRECTORY", multiple: true, help: "a binary cache to take finished outputs from" },
  timeout: { type: "string", value: "SECONDS", help: "stop a builder that takes longer" },
  silence: { type: "string", value: "SECONDS", help: "stop a builder that prints nothing for so long" },
  events: { type: "string", value: "FILE", help: "append what happens to FILE, one JSON value a line" },
  ...evaluationFlags,
} as const satisfies Flags;

export function realiseSettings(flags: FlagValues<typeof realiseFlags>): RealiseSettings {
  return {
    ...evaluationSettings(flags),
    jobs: positive("--jobs", flags.jobs),
    keepGoing: flags["keep-going"] === true,
    ...(flags.events === undefined ? {} : { events: flags.events }),
    from: flags.from ?? [],
    timeoutSeconds: positive("--timeout", flags.timeout),
    silenceSeconds: positive("--silence", flags.silence),
  };
}

function positive(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`${flag} ${text}: give a whole number from 1`);
  return value;
}
