/** A bounded number of places, given to the highest rank first. Knows nothing of what is done in them. */

export interface Slots {
  /** Resolves to the function that gives the place back. */
  readonly acquire: (rank: number) => Promise<() => void>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: { readonly rank: number; readonly start: () => void }[] = [];
  const release = (): void => {
    free++;
    let best = 0;
    for (let i = 1; i < waiting.length; i++) {
      if ((waiting[i]?.rank ?? 0) > (waiting[best]?.rank ?? 0)) best = i;
    }
    const [next] = waiting.splice(best, 1);
    next?.start();
  };
  return {
    acquire: (rank) =>
      new Promise((resolve) => {
        const start = (): void => {
          free--;
          resolve(release);
        };
        if (free > 0) start();
        else waiting.push({ rank, start });
      }),
  };
}
