/** What an error from the realm means, as a failure with its place. Knows nothing of how the realm was run. */
import type { EvaluatorFailure, Place } from "./failure.ts";
import type { Positions } from "./positions.ts";
import type { Thrown } from "./realm-program.ts";

export function failureOf(thrown: Thrown, positions: Positions): EvaluatorFailure {
  const stack = positions.frames(thrown.stack);
  const place = positions.placeOf(thrown.stack);
  // What is refused while a package is derived blames the place where the recipe made that package.
  const blamed = positions.makerOf(thrown.madeAt) ?? place;
  if (thrown.impure !== null) return { _tag: "Impure", ...thrown.impure, place };
  if (thrown.refused?._tag === "NotLocked") {
    return { _tag: "NotLocked", missing: [{ key: thrown.refused.key, wantedBy: [] }], place: blamed };
  }
  if (thrown.refused !== null) return { _tag: "RecipeRefused", failure: thrown.refused, place: blamed };
  if (thrown.unread !== null) return located(thrown.unread, blamed);
  if (thrown.name === "TypeError" && FROZEN.test(thrown.message)) {
    return { _tag: "Impure", what: thrown.message, remedy: FROZEN_REMEDY, place };
  }
  const absent = thrown.name === "ReferenceError" ? /^(\w+) is not defined$/.exec(thrown.message)?.[1] : undefined;
  const remedy = absent === undefined ? undefined : remedyFor(absent);
  if (absent !== undefined && remedy !== undefined) return { _tag: "Impure", what: absent, remedy, place };
  return { _tag: "RecipeThrew", name: thrown.name, message: thrown.message, place, stack };
}

/** V8's messages for a change of what is frozen. */
const FROZEN =
  /^Cannot (assign to read only|delete|redefine|define) property|object is not extensible$|^Cannot add property/;
const FROZEN_REMEDY =
  "others share it: make a changed copy, of a package by .with({ … }) or .override((draft) => { … }), else by { ...it, … }";

/** The host does not know which recipe asked. */
const located = (failure: EvaluatorFailure, place: Place | null): EvaluatorFailure =>
  failure._tag === "LocalMissing" || failure._tag === "LocalRefused" ? { ...failure, place } : failure;

/** What a recipe may expect to find and the realm lacks, with what to do instead. */
function remedyFor(name: string): string | undefined {
  for (const [remedy, names] of ABSENT) if (names.includes(name)) return remedy;
  return undefined;
}

const ABSENT: readonly (readonly [remedy: string, names: readonly string[]])[] = [
  [
    "recipes are synchronous: a fetch is a package (fetchUrl, debianSource), a file is local(import.meta, …)",
    ["Promise", "fetch", "XMLHttpRequest", "WebSocket", "setTimeout", "setInterval", "setImmediate", "queueMicrotask"],
  ],
  [
    "a recipe cannot see the machine: say it in the recipe, as an option of the package, or read local(import.meta, …)",
    ["process", "require", "module", "__dirname", "__filename", "Buffer", "navigator", "performance", "crypto"],
  ],
  ["write the order or the format out: what a locale says differs between machines", ["Intl"]],
  [
    "use plain values: what depends on memory or on other threads differs from run to run",
    ["SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry", "Worker", "structuredClone"],
  ],
  ["write the address as a string", ["URL"]],
  ["call the function itself: code is not made from text", ["eval", "WebAssembly"]],
  ["throw new Error(…) to see a value; an evaluation prints nothing", ["console"]],
];
