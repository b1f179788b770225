/**
 * What can be expected to go wrong with a role on a host, as data, and how plain code ends with it: by a `Refused` that the
 * package's doors catch. Knows no words for people; the command renders it.
 */
import type { StorePath } from "@cab/core";
import { type Either, left, right } from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import type { StateRefusal } from "./state-plan.ts";

export type ProfileFailure =
  /** The disk refused. `code` is errno's name. */
  | {
      readonly _tag: "ProfileIo";
      readonly operation: string;
      readonly file: string;
      readonly code: string;
      readonly message: string;
    }
  /** The object is no role, or one that this cab cannot read. `reason` begins with the place in the manifest. */
  | { readonly _tag: "NoRole"; readonly path: StorePath; readonly reason: string }
  | { readonly _tag: "OtherRole"; readonly asked: string; readonly found: string }
  /** Its closure takes more bytes than the role allows itself. */
  | { readonly _tag: "OverBudget"; readonly role: string; readonly bytes: number; readonly budget: number }
  | { readonly _tag: "BadParams"; readonly file: string; readonly line: number; readonly reason: string }
  | { readonly _tag: "BadRecord"; readonly file: string; readonly reason: string }
  | { readonly _tag: "NoGeneration"; readonly role: string; readonly number: number | null }
  /** It was the first, or none of those before it ever ran. */
  | { readonly _tag: "NothingBefore"; readonly role: string; readonly number: number }
  /** Its link is there, its objects are not. */
  | { readonly _tag: "GenerationGone"; readonly role: string; readonly generation: GenerationName }
  /** Somebody else changes this role. `by` is what that process wrote of itself, if it can be read. */
  | { readonly _tag: "Busy"; readonly role: string; readonly by: string | null }
  | { readonly _tag: "StateRefused"; readonly role: string; readonly refusals: readonly StateRefusal[] }
  /** `bin/activate CALL` did not end well; `said`: the end of what it wrote for people. */
  | {
      readonly _tag: "ActivateFailed";
      readonly call: string;
      readonly code: number | null;
      readonly said: readonly string[];
    }
  | { readonly _tag: "Unhealthy"; readonly probes: readonly string[]; readonly seconds: number }
  | { readonly _tag: "NotRunning"; readonly role: string }
  | { readonly _tag: "RunsAlready"; readonly role: string }
  | { readonly _tag: "SupervisorEnded"; readonly role: string; readonly log: string | null }
  /** The value of a secret stands in a file that others may read. */
  | { readonly _tag: "SecretFound"; readonly secret: string; readonly file: string }
  | { readonly _tag: "Cancelled" }
  /** A switch did not succeed. What runs now is `returned`. */
  | {
      readonly _tag: "SwitchFailed";
      readonly role: string;
      readonly number: number;
      readonly cause: ProfileFailure;
      readonly returned: Returned;
    };

export interface GenerationName {
  readonly number: number;
  readonly path: StorePath;
  readonly commit: string | null;
}

/** How a failed switch left the host. */
export type Returned =
  | { readonly _tag: "To"; readonly number: number; readonly healthy: boolean; readonly setAside: readonly string[] }
  /** There was no generation before; nothing runs. */
  | { readonly _tag: "ToNothing" }
  | { readonly _tag: "Failed"; readonly number: number; readonly cause: ProfileFailure };

/** An expected failure on its way out of plain code. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly failure: ProfileFailure;

  constructor(failure: ProfileFailure) {
    super(`${failure._tag}: ${JSON.stringify(failure)}`);
    this.failure = failure;
  }
}

/** errno's name of a failed system call; undefined for every other exception. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string"
    ? error.code
    : undefined;

/** Runs a file operation; what the disk refuses becomes a `Refused`. */
export function onDisk<A>(operation: string, file: string, run: () => A): A {
  try {
    return run();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const message = (error as Error).message;
    throw new Refused({ _tag: "ProfileIo", operation, file, code, message });
  }
}

/** A door of the package: plain code, run when asked for, whose expected failures are the left side. */
export const attempt =
  <A>(run: () => A | Promise<A>): TaskEither<ProfileFailure, A> =>
  async (): Promise<Either<ProfileFailure, A>> => {
    try {
      return right(await run());
    } catch (error) {
      if (error instanceof Refused) return left(error.failure);
      throw error;
    }
  };
