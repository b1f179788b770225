/** A span of time as a user writes it. */
import { UsageError } from "./verb.ts";

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `90m`, `12h`, `30d`, `2w`, in milliseconds. */
export function milliseconds(flag: string, text: string): number {
  const [, count, unit] = /^([0-9]+)([smhdw])$/.exec(text) ?? [];
  const seconds = SECONDS[unit ?? ""];
  if (count === undefined || seconds === undefined) {
    throw new UsageError(`${flag} ${text}: give a number with s, m, h, d or w behind it, such as 30d`);
  }
  return Number(count) * seconds * 1000;
}
