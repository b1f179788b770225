/** Tells the engine's own share of a run's time from that of what it ran. */
import type { RealiseEvent } from "@cab/core";

export interface Clock {
  readonly on: (event: RealiseEvent) => void;
  /** Seconds since the start, and those of them in which no builder, download or unpacking was under way. */
  readonly read: () => { readonly seconds: number; readonly engine: number };
}

export function startClock(now: () => number): Clock {
  const started = now();
  const working = new Set<string>();
  let idleSince = started;
  let idle = 0;
  const begin = (key: string, at: number): void => {
    if (working.size === 0) idle += at - idleSince;
    working.add(key);
  };
  const end = (key: string, at: number): void => {
    if (working.delete(key) && working.size === 0) idleSince = at;
  };
  return {
    on: (event) => {
      if (event._tag === "Started") begin(event.drv, event.at);
      if (event._tag === "Ran") end(event.drv, event.at);
      if (event._tag === "Failed") end(event.failure.drv, now());
      if (event._tag === "Substituting") begin(event.path, event.at);
      if (event._tag === "Substituted") end(event.path, event.at);
    },
    read: () => {
      const at = now();
      return { seconds: at - started, engine: idle + (working.size === 0 ? at - idleSince : 0) };
    },
  };
}
