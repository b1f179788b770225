/** Ports whose process is killed at a chosen call: before it did anything, or right behind it. Knows no particular port. */

/** No failure that anybody may catch: the process is gone. */
export class Killed extends Error {
  override readonly name = "Killed";
}

export interface Killer {
  /** The same port; each of its calls counts. */
  readonly over: <P extends object>(port: P) => P;
  /** Calls so far. */
  readonly calls: () => number;
}

/** `at`: the call to end at, from 0. */
export function killer(at: number, isBehind: boolean): Killer {
  let calls = 0;
  let isDead = false;
  const die = (): never => {
    isDead = true;
    throw new Killed();
  };
  const wrapped =
    (action: (...words: readonly unknown[]) => unknown) =>
    async (...words: readonly unknown[]): Promise<unknown> => {
      // What a dead process's promises still do, they do not do.
      if (isDead) throw new Killed();
      const call = calls++;
      if (call === at && !isBehind) die();
      const result = await action(...words);
      return call === at ? die() : result;
    };
  return {
    over: (port) =>
      Object.fromEntries(
        Object.entries(port).map(([key, value]) => [key, typeof value === "function" ? wrapped(value) : value]),
      ) as typeof port,
    calls: () => calls,
  };
}
