/** What realising tells while it runs: for progress, never for decisions. */
import type { DrvHash } from "../derivation.ts";
import type { DerivationFailure } from "../failure.ts";
import type { Holder } from "../ports.ts";
import type { StorePath } from "../store-path.ts";

export type RealiseEvent =
  /** A derivation has to be built or fetched; it waits for its inputs or for a slot. */
  | { readonly _tag: "Wanted"; readonly drv: DrvHash; readonly name: string; readonly work: Work }
  | { readonly _tag: "Started"; readonly drv: DrvHash; readonly name: string; readonly work: Work; readonly at: number }
  | { readonly _tag: "Bytes"; readonly drv: DrvHash; readonly received: number; readonly total: number | null }
  /** The builder has ended well; its outputs are being hashed and registered. */
  | { readonly _tag: "Ran"; readonly drv: DrvHash; readonly at: number }
  | {
      readonly _tag: "Finished";
      readonly drv: DrvHash;
      readonly name: string;
      readonly work: Work;
      readonly at: number;
    }
  /** Its inputs changed, but realised to what they were: nothing to do. */
  | { readonly _tag: "CutOff"; readonly drv: DrvHash; readonly name: string }
  | {
      readonly _tag: "Substituting";
      readonly path: StorePath;
      readonly from: string;
      readonly size: number;
      readonly at: number;
    }
  | { readonly _tag: "Substituted"; readonly path: StorePath; readonly at: number }
  /** Another process on this store builds it; we wait for that. `resolved` is what its log is called by. */
  | {
      readonly _tag: "BuiltElsewhere";
      readonly drv: DrvHash;
      readonly name: string;
      readonly resolved: DrvHash;
      readonly work: Work;
      readonly holder: Holder;
    }
  /** That process has ended with it. `found`: its outputs are here; else we go on with it ourselves. */
  | { readonly _tag: "Waited"; readonly drv: DrvHash; readonly name: string; readonly found: boolean }
  | { readonly _tag: "SubstituterTrouble"; readonly substituter: string; readonly reason: string }
  | { readonly _tag: "Failed"; readonly failure: DerivationFailure };

/** `build`: a program in the sandbox, or a builtin that makes something new. `import`: a file of the workspace. */
export type Work = "build" | "fetch" | "import";

export const workOf = (builder: string): Work =>
  /^builtin:(fetch|git)@/.test(builder) ? "fetch" : builder.startsWith("builtin:local@") ? "import" : "build";
