/** What can go wrong between a recipe's name and its derivations, as data. `render.ts` puts it into words. */
import type { EvaluationFailure } from "@cab/core";
import { type Either, left } from "fp-ts/lib/Either.js";

/** A place in a user's file. Line and column count from 1, columns in UTF-16 units. */
export interface Place {
  /** Relative to the workspace; a shipped file's starts with `@cab/derivations/`. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters that the mistake covers; 1 where only its start is known. */
  readonly length: number;
  /** The line's text as it was evaluated. */
  readonly excerpt: string;
}

export interface StackFrame {
  readonly function: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with a module's text or its imports: found before anything runs. */
export type ModuleFault =
  | { readonly _tag: "SyntaxError"; readonly place: Place | null; readonly message: string }
  | {
      readonly _tag: "ForbiddenImport";
      readonly place: Place | null;
      readonly specifier: string;
      readonly reason: string;
      readonly remedy: string;
    };

/** What the type checker says of one place. */
export interface TypeFault {
  /** Null for what concerns no file. */
  readonly place: Place | null;
  /** TypeScript's number: 2322. */
  readonly code: number;
  /** A line for each link of its chain, the further in, the more indented. */
  readonly message: string;
}

export type EvaluatorFailure =
  /** `from` is where the search began, or the folder that was named explicitly. */
  | { readonly _tag: "NoWorkspace"; readonly from: string; readonly explicit: boolean }
  | {
      readonly _tag: "UnknownRecipes";
      readonly unknown: readonly { readonly name: string; readonly nearest: readonly string[] }[];
      /** Folders in which recipes were looked for. */
      readonly folders: readonly string[];
    }
  | { readonly _tag: "DuplicateRecipe"; readonly name: string; readonly files: readonly [string, string] }
  | { readonly _tag: "BadModules"; readonly faults: readonly ModuleFault[] }
  /** Found by the type checker, before anything ran. */
  | { readonly _tag: "IllTyped"; readonly faults: readonly TypeFault[] }
  | { readonly _tag: "TypesTimedOut"; readonly seconds: number }
  /** Files from the first back to itself. */
  | { readonly _tag: "ImportCycle"; readonly files: readonly string[] }
  | {
      readonly _tag: "RecipeThrew";
      /** The error's class, such as TypeError. */
      readonly name: string;
      readonly message: string;
      readonly place: Place | null;
      readonly stack: readonly StackFrame[];
    }
  /** Core refused what a recipe says. */
  | {
      readonly _tag: "RecipeRefused";
      readonly failure: Exclude<EvaluationFailure, { readonly _tag: "NotLocked" }>;
      readonly place: Place | null;
    }
  /** A recipe asked for what is not the same everywhere and always. */
  | { readonly _tag: "Impure"; readonly what: string; readonly remedy: string; readonly place: Place | null }
  | { readonly _tag: "TimedOut"; readonly seconds: number; readonly place: Place | null }
  /** Everything that the recipes fetch without a pin; `place` is where the first of it is. */
  | {
      readonly _tag: "NotLocked";
      readonly missing: readonly { readonly key: string; readonly wantedBy: readonly string[] }[];
      readonly place: Place | null;
    }
  | { readonly _tag: "BadLock"; readonly file: string; readonly line: number; readonly reason: string }
  | {
      readonly _tag: "LocalMissing";
      readonly file: string;
      readonly nearest: readonly string[];
      readonly place: Place | null;
    }
  | {
      readonly _tag: "LocalRefused";
      readonly file: string;
      readonly reason: string;
      readonly remedy: string;
      readonly place: Place | null;
    }
  /** The disk refused a read. `code` is errno's name. */
  | { readonly _tag: "Unreadable"; readonly file: string; readonly code: string };

/** What a user should know of an evaluation that succeeded. */
export interface Notice {
  readonly _tag: "Overridden";
  readonly name: string;
  /** The user's file, which was taken. */
  readonly file: string;
  /** The shipped file of the same name. */
  readonly shipped: string;
}

/** What the disk refuses is a failure, wherever it happens; any other error is a bug and thrown again. */
export async function orUnreadable<A>(
  step: () => Promise<Either<EvaluatorFailure, A>>,
): Promise<Either<EvaluatorFailure, A>> {
  try {
    return await step();
  } catch (error) {
    return left(unreadable(error));
  }
}

/** The failure for the error of a refused system call. */
export function unreadable(error: unknown): EvaluatorFailure {
  if (error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string") {
    const file = "path" in error && typeof error.path === "string" ? error.path : error.message;
    return { _tag: "Unreadable", file, code: error.code };
  }
  throw error;
}
