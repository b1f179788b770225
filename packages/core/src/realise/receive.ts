/** Receiving objects from substituters: a closure at a time, references first, each checked by the store. */
import { pipe } from "fp-ts/lib/function.js";
import type { Task } from "fp-ts/lib/Task.js";
import * as TE from "fp-ts/lib/TaskEither.js";
import type { StoreFailure, SubstituterFailure } from "../failure.ts";
import type { ObjectInfo } from "../object.ts";
import { type Scratch, type StorePort, scratchFile } from "../ports.ts";
import { baseName, namePart, type StorePath } from "../store-path.ts";
import { createKeeper, type Keeper } from "./keep.ts";
import { type Offer, offeredClosure } from "./lookup.ts";
import type { RealisePorts } from "./realise.ts";
import { createSlots, type Slots } from "./slots.ts";
import { once } from "./task.ts";

export interface ReceiverOptions {
  readonly ports: Omit<RealisePorts, "builder">;
  readonly slots: Slots;
  readonly trouble: (substituter: string, reason: string) => void;
  readonly keeper: Keeper;
  readonly onReceived: (path: StorePath) => void;
}

/** Makes the closure of a path valid from what substituters offer; false if they do not offer all of it. */
export function createReceiver({
  ports,
  slots,
  trouble,
  keeper,
  onReceived,
}: ReceiverOptions): (path: StorePath) => Promise<boolean> {
  const { store, substituters, emit, now, signal } = ports;
  const arriving = new Map<StorePath, Promise<boolean>>();

  /** Whether an object needs no fetching. Kept if so: what is fetched may refer to it. */
  const isHere = async (path: StorePath): Promise<boolean> => {
    const held = await keeper.holds(path);
    if (held._tag === "Right") return held.right;
    trouble("store", reasonOf(held.left));
    return false;
  };

  const object = (path: StorePath, offers: ReadonlyMap<StorePath, Offer>): Promise<boolean> => {
    const offer = offers.get(path);
    if (offer === undefined) return isHere(path);
    const started = arriving.get(path) ?? receive(offer, offers);
    arriving.set(path, started);
    return started;
  };

  const receive = async (offer: Offer, offers: ReadonlyMap<StorePath, Offer>): Promise<boolean> => {
    const { info, substituter } = offer;
    const references = await Promise.all(info.references.map((reference) => object(reference, offers)));
    if (references.includes(false)) return false;
    const release = await slots.acquire(0);
    if (signal.aborted) {
      release();
      return false;
    }
    emit({ _tag: "Substituting", path: info.path, from: substituter.name, size: info.size, at: now() });
    const admitted = await fetchInto(store, offer)();
    release();
    if (admitted._tag === "Left") {
      trouble(substituter.name, reasonOf(admitted.left));
      return false;
    }
    onReceived(info.path);
    emit({ _tag: "Substituted", path: info.path, at: now() });
    return true;
  };

  return once(async (path) => {
    if (substituters.length === 0) return false;
    const begun = await keeper.begin();
    if (begun._tag === "Left") {
      trouble("store", reasonOf(begun.left));
      return false;
    }
    const offered = await offeredClosure(isHere, substituters, trouble, path);
    if (offered === undefined) return false;
    const offers = new Map(offered.map((offer) => [offer.info.path, offer]));
    // References come first in `offered`, so that every want finds its references' promises already there.
    const arrived = await Promise.all(offered.map((offer) => object(offer.info.path, offers)));
    return !arrived.includes(false);
  });
}

/** Makes the closures of these paths valid from what substituters offer; says of each whether it is. */
export const receiveClosures =
  (paths: readonly StorePath[], downloads: number) =>
  (ports: Omit<RealisePorts, "builder">): Task<readonly boolean[]> =>
  () => {
    const trouble = (substituter: string, reason: string): void =>
      ports.emit({ _tag: "SubstituterTrouble", substituter, reason });
    const keeper = createKeeper(ports.store);
    const slots = createSlots(downloads);
    return Promise.all(paths.map(createReceiver({ ports, slots, trouble, keeper, onReceived: () => {} })));
  };

const fetchInto = (
  store: StorePort,
  { info, substituter }: Offer,
): TE.TaskEither<StoreFailure | SubstituterFailure, ObjectInfo> =>
  pipe(
    store.openScratch(namePart(info.path)),
    TE.flatMap((scratch): TE.TaskEither<StoreFailure | SubstituterFailure, ObjectInfo> => {
      const file = scratchFile(scratch, baseName(info.path));
      return pipe(
        substituter.fetch(info, file, () => {}),
        TE.flatMap(
          (): TE.TaskEither<StoreFailure | SubstituterFailure, ObjectInfo> => store.admitObject(scratch, file, info),
        ),
        andDiscard(store, scratch),
      );
    }),
  );

/** Gives the scratch directory back however the task ends; its own failure to do so is not worth another one's result. */
export const andDiscard =
  (store: StorePort, scratch: Scratch) =>
  <E, A>(task: TE.TaskEither<E, A>): TE.TaskEither<E, A> =>
  async () => {
    const result = await task();
    await store.discardScratch(scratch)();
    return result;
  };

function reasonOf(failure: StoreFailure | SubstituterFailure): string {
  switch (failure._tag) {
    case "SubstituteRejected":
      return `${failure.path}: ${failure.reason}`;
    case "StoreUnusable":
      return failure.reason;
    case "StoreTooNew":
    case "StoreOutdated":
    case "StoreReadOnly":
    case "StoreDamaged":
      return failure._tag;
    case "SubstituterIo":
    case "StoreIo":
      return failure.message;
  }
}
