/** What is said of a verb that there is not. Loaded only then. */
import { nearestNames } from "@cab/core";
import { UsageError } from "./verb.ts";

export function noSuchVerb(name: string, verbs: readonly string[]): UsageError {
  const near = nearestNames(name, verbs);
  return new UsageError(`there is no verb ${name}${near.length > 0 ? `; did you mean ${near.join(" or ")}?` : ""}`);
}
