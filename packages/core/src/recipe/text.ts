/**
 * Text with packages in it: what stands in a derivation's arguments and environment before any path is known. A hole
 * holds an output of a package and becomes its (placeholder) store path when the derivation is made.
 */
import { type AsHoles, type AsJson, notAHole } from "./hole.ts";
import type { AnyPackage } from "./package.ts";
import type { NoSecret } from "./secret.ts";

/** One output of a package, as a recipe names it: `zlib.outputs.dev`. */
export interface OutputRef {
  readonly _tag: "OutputRef";
  readonly package: AnyPackage;
  readonly output: string;
  /** Runs while building: it is made for the machine that builds, whatever the package that names it is made for. */
  readonly on?: "build";
}

export interface Text {
  readonly _tag: "Text";
  readonly parts: readonly (string | OutputRef)[];
  /** Shell code (of `sh` or `raw`), which another `sh` takes as it stands. Any other text is quoted there. */
  readonly isCode?: true;
}

/** What may stand in a hole of `sh` and `argv`, or as a value in a derivation's environment. A package means its `out`. */
export type Hole = string | number | AnyPackage | OutputRef | Text | readonly Hole[] | NoSecret;

/** A package, or one output of it, as a tool of a build: on the build platform, with its default libc. */
export const forBuild = (of: AnyPackage | OutputRef): OutputRef => ({
  ...(of._tag === "Package" ? { _tag: "OutputRef", package: of, output: "out" } : of),
  on: "build",
});

export const text = (...parts: readonly (string | OutputRef)[]): Text => ({ _tag: "Text", parts });

/** The parts of a hole with a list's elements joined by `separator`, and each plain string passed through `quote`. */
export function partsOf(hole: Hole, separator: string, quote: (plain: string) => string): (string | OutputRef)[] {
  if (typeof hole === "string" || typeof hole === "number") return [quote(String(hole))];
  if (isList(hole)) {
    return hole.flatMap((item, i) => [...(i > 0 ? [separator] : []), ...partsOf(item, separator, quote)]);
  }
  if (!isReference(hole)) throw notAHole(hole);
  switch (hole._tag) {
    case "Package":
      return [{ _tag: "OutputRef", package: hole, output: "out" }];
    case "OutputRef":
      return [hole];
    case "Text":
      return hole.isCode ? [...hole.parts] : hole.parts.map((part) => (typeof part === "string" ? quote(part) : part));
  }
}

/** Text as it stands: a list's elements are separated by one space. */
export const toText = (hole: Hole): Text => text(...partsOf(hole, " ", (plain) => plain));

export const concat = <H extends readonly unknown[]>(...holes: AsHoles<H>): Text => joined(holes as readonly Hole[]);

const joined = (holes: readonly Hole[]): Text => text(...holes.flatMap((hole) => [...toText(hole).parts]));

/** A value that can be written as JSON once its outputs are paths; store paths need no escaping in JSON. */
export type JsonHole =
  | string
  | number
  | boolean
  | null
  | AnyPackage
  | OutputRef
  | Text
  | readonly JsonHole[]
  | { readonly [key: string]: JsonHole | undefined };

/** Canonical JSON (keys in the order given, no white space) with outputs in it. Absent properties are left out. */
export const json = <V>(value: AsJson<V>): Text => jsonText(value as JsonHole);

function jsonText(value: JsonHole): Text {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return text(JSON.stringify(value));
  }
  if (isList<JsonHole>(value)) {
    return joined(["[", ...value.flatMap((item, i) => [...(i > 0 ? [","] : []), jsonText(item)]), "]"]);
  }
  if (isReference(value)) {
    return text('"', ...toText(value).parts.map((part) => (typeof part === "string" ? escaped(part) : part)), '"');
  }
  if (!isRecord(value)) throw notAHole(value, "json");
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return joined([
    "{",
    ...entries.flatMap(([key, item], i) => [`${i > 0 ? "," : ""}${JSON.stringify(key)}:`, jsonText(item as JsonHole)]),
    "}",
  ]);
}

const escaped = (part: string): string => JSON.stringify(part).slice(1, -1);

const isList = <A>(value: unknown): value is readonly A[] => Array.isArray(value);

const isRecord = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const isReference = (value: unknown): value is AnyPackage | OutputRef | Text =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  (value._tag === "Package" || value._tag === "OutputRef" || value._tag === "Text");
