/** `cab repair`: makes damaged objects whole, from the store itself, from caches, or by building them again. */
import {
  closure,
  type Derivation,
  type DrvHash,
  knownPaths,
  namePart,
  type ObjectInfo,
  printable,
  type StoreFailure,
  type StorePath,
  utf8,
} from "@cab/core";
import type { Damage, Repairing, Store } from "@cab/store";
import { examineDatabase, rebuildDatabase } from "@cab/store/database-repair";
import * as E from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { cabRoot } from "../cab-root.ts";
import { damageText, requirePath } from "../damage-text.ts";
import { Ended } from "../ended.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession, type Rebuild, type Session } from "../realise-names.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { counted } from "../size-text.ts";
import { defineVerb, type FlagValues, type Host } from "../verb.ts";

const flags = {
  ...realiseFlags,
  db: { type: "boolean", help: "rebuild the database from the objects on disk; no other cab may run" },
  json: { type: "boolean", help: "print one object: repaired, damaged" },
} as const;

export const verb = defineVerb({
  usage: "[--from DIRECTORY]… [PATH…] | --db",
  summary: "Finds what is damaged (in these objects, or in all) by reading every byte, and makes it whole.",
  details: [
    "Modes and times are set right in place. A damaged object is put together from good files that the store shares, else",
    "fetched from the caches, else built again, and takes the damaged one's place when its bytes give its path. --db makes a",
    "new database: objects prove themselves by their paths, and of the old one, which is put aside, all that is sound is",
    "taken over. Exit code: 0 if all is whole, 1 if something is not.",
  ].join("\n"),
  flags,
  run: async ({ positionals, flags: values }, host) => {
    const root = cabRoot(host);
    const paths = positionals.map((text) => requirePath(root, text));
    if (values.db) return repairDatabase(host, root, values.json === true);
    if ((await done(examineDatabase(root))).length > 0) {
      throw new Ended("error: the database is damaged; rebuild it from the objects first: cab repair --db\n");
    }
    const session = await openSession(host, root, [], realiseSettings(values));
    try {
      return await repairObjects({ host, session, values }, paths);
    } finally {
      await session.close();
    }
  },
});

interface Context {
  readonly host: Host;
  readonly session: Session;
  readonly values: FlagValues<typeof flags>;
}

async function done<A>(task: TaskEither<StoreFailure, A>): Promise<A> {
  const result = await task();
  if (E.isLeft(result)) throw new Ended(`error: ${renderStoreFailure(result.left)}\n`);
  return result.right;
}

async function repairObjects(context: Context, paths: readonly StorePath[]): Promise<number> {
  const { host, session, values } = context;
  const damages = await damagesOf(context, paths.length > 0 ? paths : undefined);
  const repairing = session.store.repairing(damages);
  const damaged = inOrder(session.store, repairing.damaged);
  // From now on nobody collects them; what somebody has collected already needs no repair.
  const gone = new Set(await done(session.store.keep(damaged)));
  await done(repairing.dropPoolFiles);
  for (const path of damaged) {
    if (!gone.has(path) && !host.signal.aborted) await repairObject(context, repairing, path);
  }
  const left = [...repairing.damaged].filter((path) => !gone.has(path));
  const repaired = damaged.filter((path) => !repairing.damaged.has(path));
  const foreign = damages.filter(({ path, file }) => path === null && !file.startsWith("store/.links/"));
  if (values.json) host.out(`${JSON.stringify({ repaired, damaged: left })}\n`);
  else for (const path of repaired) host.out(`${path}\n`);
  for (const { file } of foreign)
    host.err(`${printable(utf8(file))} is not the store's: look what it is, and remove it\n`);
  host.err(
    `${counted(repaired.length, "object")} repaired${left.length > 0 ? `, ${left.length} still damaged` : ""}\n`,
  );
  return left.length + foreign.length > 0 ? 1 : 0;
}

/** What is wrong in these objects, or in all; and in what they would be built from, which must not spoil them anew. */
async function damagesOf(context: Context, paths: readonly StorePath[] | undefined): Promise<readonly Damage[]> {
  const { store } = context.session;
  const damages: Damage[] = [...(await verified(context, paths))];
  const looked = new Set(paths);
  for (let wanted = paths ?? []; wanted.length > 0; ) {
    const inputs = wanted.flatMap((path) => {
      const info = damages.some((damage) => damage.path === path) ? store.object(path) : undefined;
      const deriver = info === undefined ? undefined : deriverOf(store, info);
      return deriver === undefined ? [] : inputsOf(deriver.derivation);
    });
    wanted = closure(store, inputs).filter((path) => store.object(path) !== undefined && !looked.has(path));
    for (const path of wanted) looked.add(path);
    if (wanted.length > 0) damages.push(...(await verified(context, wanted)));
  }
  return damages;
}

async function verified(
  { host, session }: Context,
  paths: readonly StorePath[] | undefined,
): Promise<readonly Damage[]> {
  const { damages } = await done(
    session.store.verify({
      paths,
      contents: true,
      workers: host.cores,
      signal: host.signal,
      onDamage: (damage) => host.err(`${damageText(damage)}\n`),
      onProgress: () => {},
    }),
  );
  return damages;
}

/** Each object after those that it refers to, or was built with. */
function inOrder(store: Store, damaged: ReadonlySet<StorePath>): StorePath[] {
  const ordered = new Set<StorePath>();
  const visit = (path: StorePath): void => {
    if (visited.has(path)) return;
    visited.add(path);
    const info = store.object(path);
    const deriver = info === undefined ? undefined : deriverOf(store, info);
    for (const reference of info?.references ?? []) visit(reference);
    for (const input of deriver === undefined ? [] : inputsOf(deriver.derivation)) visit(input);
    if (damaged.has(path)) ordered.add(path);
  };
  const visited = new Set<StorePath>();
  for (const path of damaged) visit(path);
  return [...ordered];
}

async function repairObject({ host, session }: Context, repairing: Repairing, path: StorePath): Promise<void> {
  const { store } = session;
  const mended = await repairing.mend(path)();
  if (E.isRight(mended) && mended.right) return;
  if (E.isLeft(mended)) host.err(`${path}: ${renderStoreFailure(mended.left)}\n`);
  const info = store.object(path);
  const deriver = info === undefined ? undefined : deriverOf(store, info);
  const needs = deriver === undefined ? [] : inputsOf(deriver.derivation);
  if (await session.repair(repairing.store, { path, deriver, needs })) return;
  const lacking = needs.filter((need) => repairing.store.object(need) === undefined).map(namePart);
  const reason =
    deriver === undefined
      ? "what built it is not known here"
      : lacking.length > 0
        ? `what it was built with is not here whole: ${lacking.join(", ")}`
        : "building it again did not give it";
  host.err(`${path} is still damaged: no cache gave it, and ${reason}\n`);
}

/** What built the object, and as which output; undefined if that is not recorded. */
function deriverOf(store: Store, { path, deriver }: ObjectInfo): Rebuild["deriver"] {
  const drv = deriver as DrvHash | null;
  const derivation = drv === null ? undefined : store.derivation(drv);
  if (drv === null || derivation === undefined) return undefined;
  const output = Object.entries(knownPaths(store, derivation, drv) ?? {}).find(([, known]) => known === path)?.[0];
  return output === undefined ? undefined : { drv, derivation, output };
}

const inputsOf = ({ inputSrcs, rootfs }: Derivation): StorePath[] =>
  typeof rootfs === "string" ? [...inputSrcs, rootfs] : [...inputSrcs];

async function repairDatabase(host: Host, root: string, json: boolean): Promise<number> {
  const { signal, terminal } = host;
  const onProgress = (count: number, of: number): void => {
    if (terminal !== null) host.err(`\r\x1b[Kproving objects: ${count} of ${of}${count === of ? "\n" : ""}`);
  };
  const rebuilt = await done(rebuildDatabase(root, { signal, onProgress }));
  const { objects, unproven, salvaged, aside } = rebuilt;
  if (json) host.out(`${JSON.stringify(rebuilt)}\n`);
  for (const path of unproven)
    host.err(`${path} is not what its name says, or lacks what it refers to; it counts no more\n`);
  host.err(
    `${counted(objects, "object")} and ${counted(salvaged, "other row")} are in the new database; the old one is ${aside}\n`,
  );
  return 0;
}
