/** From positions in the bundle to places in the user's files. Knows source maps; not what went wrong there. */
import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Bundle } from "./bundle.ts";
import type { Place, StackFrame } from "./failure.ts";
import { displayModule, modulePrefix, NAMESPACE, parseModuleName } from "./modules.ts";
import { BUNDLE_FILE, type BundlePosition, FIRST_LINE_SHIFT } from "./realm.ts";

export interface Positions {
  /** The frames of an error's stack that lie in a workspace, innermost first. */
  readonly frames: (stack: string) => StackFrame[];
  /** The first of these positions that lies in a workspace. */
  readonly placeAmong: (positions: readonly BundlePosition[]) => Place | null;
  readonly placeOf: (stack: string) => Place | null;
  /** As `placeOf`, but builders in a `lib` folder are passed over: who called them made the package. */
  readonly makerOf: (stack: string) => Place | null;
}

interface Located extends Place {
  readonly function: string;
}

export function bundlePositions({ map, sources }: Bundle): Positions {
  const traceMap = new TraceMap(map);
  const locate = ({ line, column }: BundlePosition, name: string): Located | undefined => {
    const shifted = line === 1 ? column - FIRST_LINE_SHIFT : column;
    const at = { line, column: Math.max(0, shifted) };
    const exact = originalPositionFor(traceMap, at);
    const found = exact.source === null ? originalPositionFor(traceMap, { ...at, bias: LEAST_UPPER_BOUND }) : exact;
    const key = found.source?.replace(new RegExp(`^.*?${NAMESPACE}:`), "") ?? "";
    const module = parseModuleName(key);
    const source = sources.get(key);
    if (module === undefined || source === undefined || found.line === null) return undefined;
    const prefix = found.line === 1 ? modulePrefix(module, source).length : 0;
    return {
      function: name,
      file: displayModule(module),
      line: found.line,
      column: Math.max(0, found.column - prefix) + 1,
      length: 1,
      excerpt: source.split("\n")[found.line - 1] ?? "",
    };
  };
  const located = (stack: string): Located[] =>
    bundleFrames(stack).flatMap(({ name, position }) => locate(position, name) ?? []);
  const first = (places: readonly Located[]): Place | null => {
    if (places[0] === undefined) return null;
    const { function: _, ...place } = places[0];
    return place;
  };
  return {
    frames: (stack) =>
      located(stack).map(({ function: name, file, line, column }) => ({ function: name, file, line, column })),
    placeAmong: (positions) => first(positions.flatMap((position) => locate(position, "") ?? [])),
    placeOf: (stack) => first(located(stack)),
    makerOf: (stack) => {
      const places = located(stack);
      const recipe = places.findIndex(({ file }) => !file.split("/").includes("lib"));
      return first(places.slice(Math.max(0, recipe)));
    },
  };
}

/** V8's stack: `    at name (file:line:column)`, or without a name. */
function bundleFrames(stack: string): { name: string; position: BundlePosition }[] {
  const frame = new RegExp(`^ +at (?:(.*) \\()?${BUNDLE_FILE.replace(".", "\\.")}:(\\d+):(\\d+)\\)?$`);
  return stack.split("\n").flatMap((text) => {
    const [, name, line, column] = frame.exec(text) ?? [];
    if (line === undefined || column === undefined) return [];
    return [{ name: name ?? "", position: { line: Number(line), column: Number(column) - 1 } }];
  });
}
