/** Generations of a role: their records, their numbers, and what each of them is now. Knows no disk. */
import { parseStorePath, type StorePath } from "@cab/core";
import type { Either } from "fp-ts/lib/Either.js";
import { type Decoder, decodeJson, integer, list, matching, mismatch, oneOf, orNull, shape, text } from "./decode.ts";

export type Health = "healthy" | "unhealthy" | "unknown";

export interface GenerationRecord {
  readonly version: 1;
  readonly number: number;
  readonly path: StorePath;
  /** Seconds since 1970. */
  readonly made: number;
  /** Of the workspace that it came from, with `+` where that had changes; null if it is not known. */
  readonly commit: string | null;
  readonly outcome: "pending" | "current" | "failed" | "replaced";
  /** As it was when the switch ended. */
  readonly health: Health;
  /** The number of the generation before it. */
  readonly from: number | null;
  /** What switches to it replaced, in the order of time. */
  readonly state: readonly StateBefore[];
}

/** A state as it was before a switch replaced it: written down first, so that there is a way back whenever it ends. */
export interface StateBefore {
  readonly name: string;
  readonly format: string;
  /** As `activate state` names it. */
  readonly version: string;
  /** File below `.backups` with the same data as text; null if none was made, since writes were to be discarded. */
  readonly backup: string | null;
  /** Seconds since 1970. */
  readonly made: number;
}

/** A generation whose link and record are there. */
export type Generation = GenerationRecord;

/** What a generation that does not exist yet will be called by, but for its number. */
export type Provenance = Pick<GenerationRecord, "made" | "commit">;

export interface Profile {
  readonly role: string;
  /** In the order of their numbers. */
  readonly generations: readonly Generation[];
  readonly current: number | null;
  /** The one that a switch is, or was, about to make current. */
  readonly pending: number | null;
  /** One more than any number that was ever seen. */
  readonly next: number;
  /** Names in the profile's folder that are none of cab's. */
  readonly foreign: readonly string[];
}

export const generationNumbered = ({ generations }: Profile, number: number | null): Generation | undefined =>
  generations.find((each) => each.number === number);

export const currentGeneration = (profile: Profile): Generation | undefined =>
  generationNumbered(profile, profile.current);

/** Where `rollback` goes by itself: to the one that was replaced, or else to the newest before it that ever ran. */
export function generationBefore({ generations }: Profile, { number, from }: Generation): Generation | undefined {
  const earlier = generations.filter((each) => each.number < number && each.outcome !== "failed");
  return earlier.find((each) => each.number === from) ?? earlier.findLast((each) => each.outcome !== "pending");
}

/** What links and record say together: a crash may leave a record behind the links. */
export type Standing = "current" | "pending" | "interrupted" | "failed" | "replaced";

export function standing({ current, pending }: Profile, { number, outcome }: Generation): Standing {
  if (number === current) return "current";
  if (number === pending) return "pending";
  if (outcome === "current") return "replaced";
  return outcome === "pending" ? "interrupted" : outcome;
}

const path: Decoder<StorePath> = (value, at) => {
  const found = parseStorePath(text(value, at));
  return found._tag === "Right" ? found.right : mismatch(at, "a store path");
};

const fileName = matching(/^[^/\0]+$/, "a name of a file");

const recordShape: Decoder<GenerationRecord> = shape<GenerationRecord>({
  version: oneOf(1),
  number: integer,
  path,
  made: integer,
  commit: orNull(text),
  outcome: oneOf("pending", "current", "failed", "replaced"),
  health: oneOf("healthy", "unhealthy", "unknown"),
  from: orNull(integer),
  state: list(shape<StateBefore>({ name: text, format: text, version: text, backup: orNull(fileName), made: integer })),
});

export const parseRecord = (json: string): Either<string, GenerationRecord> => decodeJson(json, recordShape);

export const printRecord = (record: GenerationRecord): string => `${JSON.stringify(record, null, 2)}\n`;
