/** Promised work that is shared or given up: the combinators that the realiser is written with. */

/** Each key's task is started once; later wants share its promise. */
export function once<K, A>(task: (key: K) => Promise<A>): (key: K) => Promise<A> {
  const started = new Map<K, Promise<A>>();
  return (key) => {
    const promise = started.get(key) ?? task(key);
    started.set(key, promise);
    return promise;
  };
}

export const all = <K, A>(keys: readonly K[], task: (key: K) => Promise<A>): Promise<(readonly [K, A])[]> =>
  Promise.all(keys.map(async (key) => [key, await task(key)] as const));

/** Settles when the promise does, or when the signal aborts. */
export async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
