/**
 * The store while damaged objects are replaced: it does not call them valid, and what is admitted under their names takes
 * their place. To everybody else they stay valid, since what refers to them does. Knows no cache and no builder.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type {
  BuildFailure,
  ObjectInfo,
  Scratch,
  StoreFailure,
  StorePath,
  StorePort,
  SubstituterFailure,
} from "@cab/core";
import { pipe } from "fp-ts/lib/function.js";
import * as TE from "fp-ts/lib/TaskEither.js";
import { admitObject } from "./admit-object.ts";
import { type AdmitContext, admitOutputs } from "./admit-outputs.ts";
import type { Damage } from "./examine-object.ts";
import { attempt } from "./failure.ts";
import { syncDirectory } from "./sync.ts";

export interface Repairing {
  /** What a realiser or a substituter repairs through. */
  readonly store: StorePort;
  /** Those that are still damaged. */
  readonly damaged: ReadonlySet<StorePath>;
  /** So that nothing that is admitted shares a damaged file. */
  readonly dropPoolFiles: TE.TaskEither<StoreFailure, void>;
  /** Mends an object with what the store has itself; true if it is whole now. */
  readonly mend: (path: StorePath) => TE.TaskEither<StoreFailure, boolean>;
}

const POOL = "store/.links/";

export const admissions = (context: AdmitContext): Pick<StorePort, "admitOutputs" | "admitObject"> => ({
  admitOutputs: (admission) =>
    attempt<BuildFailure, Readonly<Record<string, StorePath>>>("admit outputs", context.layout.store, () =>
      admitOutputs(context, admission),
    ),
  admitObject: (scratch, file, info) =>
    attempt<SubstituterFailure, typeof info>("admit an object", context.layout.store, () =>
      admitObject(context, scratch, file, info),
    ),
});

export function repairing(port: StorePort, context: AdmitContext, damages: readonly Damage[]): Repairing {
  const damaged = new Set(damages.flatMap(({ path }) => path ?? []));
  const { admitObject, admitOutputs } = admissions({ ...context, replaces: (path) => damaged.has(path) });
  const whole = (path: StorePath): void => void damaged.delete(path);
  const store: StorePort = {
    ...port,
    object: (path) => (damaged.has(path) ? undefined : port.object(path)),
    admitObject: (scratch, file, info) =>
      TE.map((admitted: typeof info) => {
        whole(info.path);
        return admitted;
      })(admitObject(scratch, file, info)),
    admitOutputs: (admission) =>
      TE.map((outputs: Readonly<Record<string, StorePath>>) => {
        for (const path of Object.values(outputs)) whole(path);
        return outputs;
      })(admitOutputs(admission)),
  };

  const mend = (path: StorePath): TE.TaskEither<StoreFailure, boolean> => {
    const info = port.object(path);
    if (info === undefined) return TE.right(false);
    return pipe(
      attempt<StoreFailure, boolean>("mend an object", context.layout.store, async () => {
        const { mendInPlace } = await import("./mend-object.ts");
        return mendInPlace(context, info);
      }),
      TE.flatMap((mended) => {
        if (!mended) return reassembled(info);
        whole(path);
        return TE.right(true);
      }),
    );
  };

  /** What the store has may not be the object after all; that it has no room for it is another matter. */
  const admitMended = (scratch: Scratch, file: string, info: ObjectInfo): TE.TaskEither<StoreFailure, boolean> =>
    pipe(
      store.admitObject(scratch, file, info),
      TE.map(() => true),
      TE.orElse((failure) =>
        failure._tag === "SubstituteRejected" || failure._tag === "SubstituterIo" ? TE.right(false) : TE.left(failure),
      ),
    );

  const reassembled = (info: ObjectInfo): TE.TaskEither<StoreFailure, boolean> =>
    pipe(
      port.openScratch("mended"),
      TE.flatMap((scratch) => async () => {
        const result = await pipe(
          attempt<StoreFailure, string | undefined>("mend an object", context.layout.store, async () => {
            const { reassemble } = await import("./mend-object.ts");
            return reassemble(context, scratch, info);
          }),
          TE.flatMap((file) => (file === undefined ? TE.right(false) : admitMended(scratch, file, info))),
        )();
        await port.discardScratch(scratch)();
        return result;
      }),
    );

  const dropPoolFiles = attempt<StoreFailure, void>("drop damaged files from the pool", context.layout.links, () => {
    for (const { path, file } of damages) {
      if (path === null && file.startsWith(POOL)) rmSync(join(context.layout.root, file), { force: true });
    }
    // What comes back with the power would be shared again.
    syncDirectory(context.layout.links);
  });

  return { store, damaged, mend, dropPoolFiles };
}
