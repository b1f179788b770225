/**
 * Everything that can be expected to go wrong while realising, as data. Rendered once, at the CLI's edge; each variant
 * carries what a user needs to act on it.
 */
import type { DrvHash } from "./derivation.ts";
import type { StorePath } from "./store-path.ts";

export type StoreFailure =
  /** The disk refused: full, read-only, broken. `code` is errno's name, such as ENOSPC. */
  | {
      readonly _tag: "StoreIo";
      readonly operation: string;
      readonly file: string;
      readonly code: string;
      readonly message: string;
    }
  | { readonly _tag: "StoreTooNew"; readonly root: string; readonly found: number; readonly supported: number }
  /** Written by an older cab. `readOnly`: and this user may not bring it to what this one needs. */
  | {
      readonly _tag: "StoreOutdated";
      readonly root: string;
      readonly found: number;
      readonly supported: number;
      readonly readOnly: boolean;
    }
  /** It belongs to another user, and what was asked for would write to it. */
  | { readonly _tag: "StoreReadOnly"; readonly root: string; readonly owner: number }
  | { readonly _tag: "StoreUnusable"; readonly root: string; readonly reason: string; readonly remedy: string }
  | { readonly _tag: "StoreDamaged"; readonly table: string; readonly key: string };

export type SubstituterFailure =
  | { readonly _tag: "SubstituterIo"; readonly substituter: string; readonly message: string }
  /** What the substituter gave is not what it, or the path, promised. */
  | {
      readonly _tag: "SubstituteRejected";
      readonly substituter: string;
      readonly path: StorePath;
      readonly reason: string;
    };

/** Why an export or an import ended early. */
export type StreamFailure =
  /** The stream's own end: a full disk behind standard output, a reader that went away. */
  | { readonly _tag: "StreamIo"; readonly operation: string; readonly code: string; readonly message: string }
  /** A file of an object is no longer what it was registered as. */
  | { readonly _tag: "ObjectDiffers"; readonly path: StorePath; readonly file: string; readonly found: string }
  /** The stream ended before its end; what was whole is kept. */
  | { readonly _tag: "StreamCut" }
  | { readonly _tag: "StreamRefused"; readonly reason: string }
  /** Objects that the stream refers to and does not hold. */
  | { readonly _tag: "StreamNeeds"; readonly missing: readonly StorePath[] }
  /** `what` has so many bytes, and the store's disk has less free. */
  | { readonly _tag: "StreamTooLarge"; readonly what: string; readonly bytes: number; readonly free: number }
  | { readonly _tag: "Cancelled" };

/** One attempt to fetch from one place. */
export interface FetchAttempt {
  readonly url: string;
  readonly reason: string;
}

/** One thing wrong in an output's tree. */
export interface OutputFault {
  readonly output: string;
  /** Path in the output, as text (bytes that are not UTF-8 escaped). */
  readonly file: string;
  readonly found: string;
  readonly remedy: string;
}

export type BuildFailure =
  | {
      readonly _tag: "BuilderExited";
      readonly code: number | null;
      readonly signal: string | null;
      readonly hint?: string;
    }
  | { readonly _tag: "BuilderTimedOut"; readonly seconds: number }
  | { readonly _tag: "BuilderSilent"; readonly seconds: number }
  | { readonly _tag: "LogTooLarge"; readonly bytes: number }
  /** The builder printed the values of these secrets; its log was not kept. */
  | { readonly _tag: "SecretInLog"; readonly secrets: readonly string[] }
  | { readonly _tag: "Cancelled" }
  /** Namespaces or mounts are refused by this host. */
  | { readonly _tag: "SandboxForbidden"; readonly reason: string; readonly remedy: string }
  /** Something that cab runs is not installed; `package` is what Debian calls it. */
  | { readonly _tag: "ProgramMissing"; readonly program: string; readonly package: string }
  /** A repository does not give what was asked of it. `reason` is git's, or ours, and may have several lines. */
  | { readonly _tag: "GitFailed"; readonly url: string; readonly reason: string }
  | { readonly _tag: "FetchFailed"; readonly attempts: readonly FetchAttempt[] }
  | {
      readonly _tag: "DigestMismatch";
      readonly url: string;
      readonly algo: string;
      readonly expected: string;
      readonly actual: string;
      readonly bytes: number;
    }
  | { readonly _tag: "BadArchive"; readonly archive: string; readonly entry: string | null; readonly reason: string }
  | { readonly _tag: "BadArguments"; readonly builtin: string; readonly reason: string }
  | { readonly _tag: "NoDebianMirror"; readonly url: string }
  /** A local file or directory of the workspace is gone, or is not what was evaluated. */
  | { readonly _tag: "LocalSourceChanged"; readonly file: string; readonly reason: string }
  | { readonly _tag: "OutputMissing"; readonly outputs: readonly string[] }
  | { readonly _tag: "BadOutput"; readonly faults: readonly OutputFault[] }
  /** Outputs that refer to each other in a circle, as a path that ends where it began. */
  | { readonly _tag: "OutputCycle"; readonly cycle: readonly string[] }
  | { readonly _tag: "IoFailed"; readonly operation: string; readonly code: string; readonly message: string };

/** Why one derivation could not be realised. What depends on it is not listed again. */
export interface DerivationFailure {
  readonly _tag: "DerivationFailed";
  readonly drv: DrvHash;
  readonly name: string;
  readonly cause: BuildFailure | StoreFailure | SubstituterFailure | NonReproducible;
  /** Names from what was asked for down to this derivation. */
  readonly wantedBy: readonly string[];
}

/** A rebuild gave other bytes than the recorded ones, which others already refer to. */
export interface NonReproducible {
  readonly _tag: "NonReproducible";
  readonly output: string;
  readonly expected: StorePath;
  readonly actual: StorePath;
}
