/** The order in which modules of an import graph run. Knows nothing of what modules are. */
import { type Either, left, right } from "fp-ts/lib/Either.js";

/**
 * Every module that `entry` needs, each behind those that it imports, itself last; or the first cycle, from one module
 * back to itself. Iterative: a chain may be long.
 */
export function importOrder(
  entry: string,
  importsOf: (module: string) => readonly string[],
): Either<readonly string[], readonly string[]> {
  const done = new Set<string>();
  const open = new Set<string>();
  const pending: { readonly module: string; readonly imports: readonly string[]; next: number }[] = [];
  const enter = (module: string): void => {
    open.add(module);
    pending.push({ module, imports: importsOf(module), next: 0 });
  };
  enter(entry);
  for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
    const next = top.imports[top.next++];
    if (next === undefined) {
      done.add(top.module);
      open.delete(top.module);
      pending.pop();
    } else if (open.has(next)) {
      const path = [...open];
      return left([...path.slice(path.indexOf(next)), next]);
    } else if (!done.has(next)) {
      enter(next);
    }
  }
  return right([...done]);
}
