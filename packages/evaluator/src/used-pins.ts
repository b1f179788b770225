/**
 * The pins that an evaluation used, and whether the lock files still say the same of them: a changed lock file concerns
 * only those who used what changed in it. Knows nothing of the memo that keeps them.
 */
import { compareUtf8 } from "@cab/core";
import { isLeft } from "fp-ts/lib/Either.js";
import { lockFile, type Pins, pinText, readLocks } from "./lock.ts";
import { readLog } from "./observe.ts";
import type { Read } from "./stamps.ts";
import type { Workspace, Workspaces } from "./workspace.ts";

/** Each key that was asked for, with its pin's text; an empty text where nothing was pinned. */
export type UsedPins = readonly (readonly [key: string, text: string])[];

export const usedPins = (keys: readonly string[], pins: Pins): UsedPins =>
  [...keys].sort(compareUtf8).map((key) => [key, textOf(pins, key)]);

const textOf = (pins: Pins, key: string): string => (pins[key] === undefined ? "" : pinText(pins[key]));

export type PinsChecked =
  /** With fresh stamps of the lock files. */
  | { readonly _tag: "Same"; readonly locks: readonly Read[] }
  /** A lock file that does not say anything any more: reading it again will tell why. */
  | { readonly _tag: "Changed"; readonly path: string }
  | { readonly _tag: "PinChanged"; readonly key: string };

export function recheckPins(workspaces: Workspaces, used: UsedPins, now: () => number): PinsChecked {
  const log = readLog(now);
  const pins = readLocks(workspaces, log);
  if (isLeft(pins)) return { _tag: "Changed", path: lockFile(workspaces[0] as Workspace) };
  const changed = used.find(([key, text]) => text !== textOf(pins.right, key));
  return changed === undefined ? { _tag: "Same", locks: log.reads() } : { _tag: "PinChanged", key: changed[0] };
}
