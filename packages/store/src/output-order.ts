/**
 * The order in which a derivation's outputs get their names: one that refers to another comes after it, since its bytes
 * will hold the other's final hash. Knows names only.
 */
import { type Either, left, right } from "fp-ts/lib/Either.js";

/** Refers to: output → other outputs. */
export type OutputReferences = ReadonlyMap<string, ReadonlySet<string>>;

/** Depth-first, in the order of the map's keys; the left side is a circle as a path that ends where it began. */
export function orderOutputs(references: OutputReferences): Either<readonly string[], readonly string[]> {
  const ordered: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (output: string): string[] | undefined => {
    if (done.has(output)) return undefined;
    const start = path.indexOf(output);
    if (start !== -1) return [...path.slice(start), output];
    path.push(output);
    for (const other of references.get(output) ?? []) {
      const cycle = visit(other);
      if (cycle !== undefined) return cycle;
    }
    path.pop();
    done.add(output);
    ordered.push(output);
    return undefined;
  };
  for (const output of references.keys()) {
    const cycle = visit(output);
    if (cycle !== undefined) return left(cycle);
  }
  return right(ordered);
}
