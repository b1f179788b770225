/**
 * Carries expected failures out of loops and callbacks, to the one place where each step becomes an Either. Knows
 * nothing of what failed.
 */
import type { BuildFailure } from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";

/** An expected failure on its way out. Thrown only inside this package, and caught by `attempt`. */
export class Failed<F> extends Error {
  readonly failure: F;
  constructor(failure: F, options?: ErrorOptions) {
    super(JSON.stringify(failure), options);
    this.failure = failure;
  }
}

/** Leaves the current step with a build's failure. */
export function fail(failure: BuildFailure, cause?: unknown): never {
  throw new Failed(failure, { cause });
}

/** Errno's name of an error that the operating system raised; undefined for every other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Runs one step lazily. `Failed` becomes its failure, what the system refused IoFailed; anything else is a bug and stays thrown. */
export const attempt =
  <A>(operation: string, step: () => Promise<A>): TaskEither<BuildFailure, A> =>
  async (): Promise<Either<BuildFailure, A>> => {
    try {
      return right(await step());
    } catch (error) {
      if (error instanceof Failed) return left(error.failure as BuildFailure);
      const code = errnoOf(error);
      if (code === undefined) throw error;
      return left({ _tag: "IoFailed", operation, code, message: (error as Error).message });
    }
  };
