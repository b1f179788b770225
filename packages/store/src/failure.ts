/**
 * How exceptions become the store's tagged failures. Node and lmdb throw; what a disk or a damaged database can cause is
 * expected and becomes data here, everything else stays an exception. Knows no operation of the store.
 */
import { getSystemErrorName } from "node:util";
import type { StoreFailure } from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";

/** An expected failure on its way out of plain code: `attempt` catches it, synchronous lookups let it through. */
export class Refused<F extends { readonly _tag: string }> extends Error {
  readonly failure: F;

  constructor(failure: F) {
    super(`${failure._tag}: ${JSON.stringify(failure)}`);
    this.name = "Refused";
    this.failure = failure;
  }
}

/** What a synchronous lookup throws. */
export class StoreException extends Refused<StoreFailure> {
  override readonly name = "StoreException";
}

/** errno's name of a failed system call; undefined for every other exception. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;

/** LMDB's own codes that say that the file is not a sound database (lmdb.h). */
const DAMAGE = new Map([
  [-30797, "MDB_PAGE_NOTFOUND"],
  [-30796, "MDB_CORRUPTED"],
  [-30795, "MDB_PANIC"],
  [-30793, "MDB_INVALID"],
]);

/** The failure that an exception of Node or lmdb stands for; undefined if it is a bug. */
export function storeFailure(error: unknown, operation: string, file: string): StoreFailure | undefined {
  if (error instanceof StoreException) return error.failure;
  if (!(error instanceof Error)) return undefined;
  const systemCode = errorCode(error);
  if (systemCode !== undefined) {
    const path = "path" in error && typeof error.path === "string" ? error.path : file;
    return { _tag: "StoreIo", operation, file: path, code: systemCode, message: error.message };
  }
  if (!("code" in error) || typeof error.code !== "number") return undefined;
  const damage = DAMAGE.get(error.code);
  if (damage !== undefined) return { _tag: "StoreDamaged", table: "database", key: damage };
  const code = error.code > 0 ? getSystemErrorName(-error.code) : `MDB ${error.code}`;
  return { _tag: "StoreIo", operation, file, code, message: error.message };
}

/** Runs plain code lazily; what it throws and can be expected is the left side, the rest is rethrown. */
export const attempt =
  <F extends { readonly _tag: string }, A>(
    operation: string,
    file: string,
    run: () => A | Promise<A>,
  ): TaskEither<F | StoreFailure, A> =>
  async (): Promise<Either<F | StoreFailure, A>> => {
    try {
      return right(await run());
    } catch (error) {
      if (error instanceof Refused) return left(error.failure as F);
      const failure = storeFailure(error, operation, file);
      if (failure === undefined) throw error;
      return left(failure);
    }
  };

/** The same for a synchronous lookup, which throws a `StoreException`. */
export function lookup<A>(operation: string, file: string, run: () => A): A {
  try {
    return run();
  } catch (error) {
    if (error instanceof StoreException) throw error;
    const failure = storeFailure(error, operation, file);
    throw failure === undefined ? error : new StoreException(failure);
  }
}
