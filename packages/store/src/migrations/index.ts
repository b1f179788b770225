/**
 * What the database's records looked like before, version by version. The first entry brings version 1 to 2, and so on: a
 * change of a record's layout, or of what a key means, is one file here (`0002-what-changes.ts`) and one line in the list.
 * A migration sees the tables as its predecessor left them, and knows no decoder of today's: those will change again.
 */

/** Tables whose keys are text. Values come and go without their checksums. */
export interface MigratedTables {
  /** Every row, read before the first change is made. */
  readonly rows: (table: string) => readonly (readonly [key: string, value: Buffer])[];
  readonly put: (table: string, key: string, value: Uint8Array) => void;
  readonly remove: (table: string, key: string) => void;
}

/** Runs in the one transaction that also writes the new version: what it throws leaves the database as it was. */
export type Migration = (tables: MigratedTables) => void;

export const MIGRATIONS: readonly Migration[] = [];
