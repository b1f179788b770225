/** Realises recipes by name, with progress and rendered failures: what `realise`, `run` and `push` share. */
import {
  type Derivation,
  type DerivationOf,
  type DrvHash,
  type Plan,
  plan,
  type Realised,
  type RealiseEvent,
  type RealiseRequest,
  realise,
  receiveClosures,
  type StorePath,
  type StorePort,
} from "@cab/core";
import { withoutSecrets } from "@cab/profile/secrets";
import type { Store } from "@cab/store";
import { logTail } from "./build-log.ts";
import { type Clock, startClock } from "./clock.ts";
import { watchElsewhere } from "./elsewhere.ts";
import { openEventFile } from "./event-file.ts";
import { secretsOf } from "./host-secrets.ts";
import { createProgress, type ProgressEvent } from "./progress.ts";
import { renderDerivationFailure } from "./render-failure.ts";
import type { Host } from "./verb.ts";
import {
  derivationsOf,
  type EvaluationSettings,
  type ExecutorSettings,
  evaluateRecipes,
  lazyExecutor,
  openHostStore,
  openSubstituters,
  SANDBOX_RECIPE,
} from "./wiring.ts";

export interface RealiseSettings extends Omit<ExecutorSettings, "workspace">, EvaluationSettings {
  /** Builders at once; undefined: as many as the workspace's policy says, or one for each core. */
  readonly jobs: number | undefined;
  readonly keepGoing: boolean;
  /** Whether the verb goes on to use the outputs; a collector leaves them alone until it closes the session. */
  readonly keepOutputs?: boolean;
  /** A file for what happens, for programs. */
  readonly events?: string;
  /** Folders of binary caches, asked in this order. */
  readonly from: readonly string[];
}

/** Downloads at once: enough to keep a mirror's line busy, few enough to be welcome there. */
const DOWNLOADS = 6;

export interface Session {
  readonly store: Store;
  readonly root: string;
  readonly roots: readonly { readonly name: string; readonly drv: DrvHash }[];
  /** The sandbox's own programs, as one more thing that can be realised. */
  readonly sandbox: DrvHash;
  readonly derivation: DerivationOf;
  readonly realise: (roots: readonly DrvHash[]) => Promise<{ readonly realised: Realised; readonly clock: Clock }>;
  /** Fetches or builds what is damaged again, through the view in which it is not there; says what fails. */
  readonly repair: (through: StorePort, what: Rebuild) => Promise<boolean>;
  readonly plan: () => Promise<Plan>;
  readonly close: () => Promise<void>;
}

export interface Rebuild {
  readonly path: StorePath;
  /** What built it, if that is known. */
  readonly deriver: { readonly drv: DrvHash; readonly derivation: Derivation; readonly output: string } | undefined;
  /** What the deriver needs, apart from derivations. */
  readonly needs: readonly StorePath[];
}

export async function openSession(
  host: Host,
  root: string,
  names: readonly string[],
  settings: RealiseSettings,
): Promise<Session> {
  const evaluation = await evaluateRecipes(host, root, { ...settings, names: [...names, SANDBOX_RECIPE] });
  const derivation = await derivationsOf(evaluation);
  const events = settings.events === undefined ? undefined : openEventFile(settings.events, host.time);
  const store = await openHostStore(host, root);
  const workspace = evaluation.settings;
  const executor = lazyExecutor(host, root, store, { ...settings, workspace });
  const substituters = await openSubstituters(settings.from);
  const roots = evaluation.roots.slice(0, names.length);
  const sandbox = evaluation.roots.at(-1)?.drv as DrvHash;
  const progress = createProgress(host);
  const request = (wanted: readonly DrvHash[]): RealiseRequest => ({
    derivation,
    roots: wanted.map((drv) => ({ drv, outputs: ["out"] })),
    sandboxTools: { drv: sandbox, output: "out" },
    jobs: settings.jobs ?? workspace.jobs ?? host.cores,
    downloads: DOWNLOADS,
    keepOutputs: settings.keepOutputs === true,
    keepGoing: settings.keepGoing,
  });
  const tell = (event: ProgressEvent): void => {
    events?.on(event);
    progress.on(event);
  };
  const elsewhere = watchElsewhere(store.logFile, tell);
  const emit = (event: RealiseEvent): void => {
    tell(event);
    elsewhere.on(event);
  };
  const ports = { builder: executor.builder, substituters, emit, now: host.now, signal: host.signal };
  const report = async ({ failures }: Realised, derivation: DerivationOf): Promise<void> => {
    progress.stop();
    // A name that a builder gave, or a line of its log, may be the very value that it was refused for.
    const cleaned = withoutSecrets(failures.length > 0 ? secretsOf(host, root) : []);
    for (const failure of failures) {
      if (failure.cause._tag === "Cancelled") continue;
      host.err(cleaned(renderDerivationFailure(failure, await logTail(store, derivation, failure.drv))));
    }
  };
  const repair: Session["repair"] = async (through, { path, deriver, needs }) => {
    const [received] = await receiveClosures([path], DOWNLOADS)({ ...ports, store: through })();
    if (received || deriver === undefined) return received === true;
    const there = await receiveClosures(
      needs.filter((need) => through.object(need) === undefined),
      DOWNLOADS,
    )({ ...ports, store: through })();
    const gone = await through.keep(needs)();
    if (there.includes(false) || gone._tag === "Left" || gone.right.length > 0) return false;
    const { drv, output } = deriver;
    const known: DerivationOf = (hash) => (hash === drv ? deriver.derivation : derivation(hash));
    const rebuilt = await realise({ ...request([]), roots: [{ drv, outputs: [output] }], derivation: known })({
      ...ports,
      store: through,
    })();
    await report(rebuilt, known);
    return rebuilt.failures.length === 0;
  };
  return {
    store,
    root,
    roots,
    sandbox,
    derivation,
    plan: () => plan(request(roots.map(({ drv }) => drv)))({ store, substituters, emit })(),
    repair,
    realise: async (wanted) => {
      const clock = startClock(host.now);
      const realised = await realise(request(wanted))({
        ...ports,
        store,
        emit: (event) => {
          clock.on(event);
          emit(event);
        },
      })();
      await report(realised, derivation);
      return { realised, clock };
    },
    close: async () => {
      elsewhere.stop();
      events?.close();
      await executor.close();
      await store.close();
    },
  };
}
