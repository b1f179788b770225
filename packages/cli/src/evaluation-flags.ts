/** The flags that every verb that evaluates for its user understands. */
import { isLibc, LIBCS, type Libc } from "@cab/core";
import { type Flags, type FlagValues, UsageError } from "./verb.ts";
import type { EvaluationSettings } from "./wiring.ts";

export const evaluationFlags = {
  libc: { type: "string", value: "LIBC", help: "link against the libc of the distribution (default), or of source" },
  "check-types": { type: "boolean", help: "refuse recipes that do not type-check" },
} as const satisfies Flags;

export const evaluationSettings = (flags: FlagValues<typeof evaluationFlags>): EvaluationSettings => ({
  libc: libcNamed(flags.libc),
  checkTypes: flags["check-types"] === true,
});

function libcNamed(text: string | undefined): Libc {
  const libc = text ?? "distribution";
  if (!isLibc(libc)) throw new UsageError(`--libc ${libc}: give one of ${LIBCS.join(", ")}`);
  return libc;
}
