/** The flags that every verb that evaluates for its user understands. */
import type { Flags, FlagValues } from "./verb.ts";
import type { EvaluationSettings } from "./wiring.ts";

export const evaluationFlags = {
  "check-types": { type: "boolean", help: "refuse recipes that do not type-check" },
} as const satisfies Flags;

export const evaluationSettings = (flags: FlagValues<typeof evaluationFlags>): EvaluationSettings => ({
  checkTypes: flags["check-types"] === true,
});
