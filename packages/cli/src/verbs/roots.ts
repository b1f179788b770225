/** `cab roots`: what keeps objects from being collected, and links that a user makes roots. */
import { resolve } from "node:path";
import type { StoreFailure, StorePath } from "@cab/core";
import type { Root, Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession } from "../realise-names.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { counted } from "../size-text.ts";
import { storePathIn } from "../store-path-argument.ts";
import { defineVerb, type FlagValues, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

const flags = { ...realiseFlags, json: { type: "boolean", help: "print a list: kind, link, path" } } as const;

export const verb = defineVerb({
  usage: "[PATH…] | add NAME|PATH [LINK] | remove NAME|LINK",
  summary: "Lists what keeps objects alive, or, with PATHs, what keeps these; adds and removes roots.",
  details: [
    "`add` realises NAME, or takes an object that is here, and keeps it with all that it refers to: for as long as LINK is",
    "there (made here, and removed like any file), or else under the object's name, until `remove`. Generations of roles and",
    "what running cabs use are roots by themselves. Exit code: 1 if nothing keeps a PATH, or there is no such root.",
  ].join("\n"),
  flags,
  run: ({ positionals, flags }, host) => {
    const [action, ...rest] = positionals;
    if (action === "add") return addRoot(host, rest, flags);
    if (action === "remove") return removeRoot(host, rest);
    return listRoots(host, positionals, flags.json === true);
  },
});

async function done<A>(task: TaskEither<StoreFailure, A>): Promise<A> {
  const result = await task();
  if (E.isLeft(result)) throw new Ended(`error: ${renderStoreFailure(result.left)}\n`);
  return result.right;
}

async function listRoots(host: Host, texts: readonly string[], json: boolean): Promise<number> {
  const root = cabRoot(host);
  const wanted = texts.map((text) => pathNamed(root, text));
  const store = await openHostStore(host, root);
  try {
    const roots = await done(store.roots());
    const keepers = wanted.map((path) => rootsOf(store, roots, path));
    const listed = texts.length === 0 ? roots : [...new Set(keepers.flat())];
    if (json) host.out(`${JSON.stringify(listed)}\n`);
    else for (const line of linesOf(listed)) host.out(`${line}\n`);
    const free = wanted.filter((_, i) => keepers[i]?.length === 0);
    for (const path of free) host.err(`nothing keeps ${path}\n`);
    return free.length > 0 ? 1 : 0;
  } finally {
    await store.close();
  }
}

function pathNamed(root: string, text: string): StorePath {
  const path = storePathIn(root, text);
  if (path === undefined) throw new UsageError(`${text} is no store path; roots takes PATHs, add or remove`);
  return path;
}

/** Those that are, or refer to, the object. */
function rootsOf(store: Store, roots: readonly Root[], path: StorePath): Root[] {
  const above = new Set([path]);
  for (const reached of above) for (const referrer of store.referrers(reached)) above.add(referrer);
  return roots.filter((each) => above.has(each.path));
}

/** Links one by one; a process with the number of its objects. */
function linesOf(roots: readonly Root[]): string[] {
  const lines: string[] = [];
  const processes = new Map<string, number>();
  for (const { kind, link, path } of roots) {
    if (kind === "process") processes.set(link, (processes.get(link) ?? 0) + 1);
    else lines.push(`${link} → ${path}`);
  }
  for (const [link, count] of processes) lines.push(`a running cab (${link}) → ${counted(count, "object")}`);
  return lines;
}

async function addRoot(host: Host, texts: readonly string[], values: FlagValues<typeof flags>): Promise<number> {
  const [text, link, ...others] = texts;
  if (text === undefined || others.length > 0) throw new UsageError("add what? give NAME or PATH, and perhaps a LINK");
  const root = cabRoot(host);
  const path = storePathIn(root, text);
  const absolute = link === undefined ? undefined : resolve(host.cwd, link);
  if (path !== undefined) {
    const store = await openHostStore(host, root);
    return keepPath(host, store, path, absolute).finally(store.close);
  }
  const session = await openSession(host, root, [text], { ...realiseSettings(values), keepOutputs: true });
  try {
    const { realised } = await session.realise(session.roots.map(({ drv }) => drv));
    const out = realised.outputs[0]?.out;
    return out === undefined ? 1 : await keepPath(host, session.store, out, absolute);
  } finally {
    await session.close();
  }
}

async function keepPath(host: Host, store: Store, path: StorePath, link: string | undefined): Promise<number> {
  const root = await done(store.addRoot(path, link));
  if (root === undefined) throw new Ended(`error: ${path} is not in the store at ${store.layout.root}\n`);
  host.out(`${root.link}\n`);
  return 0;
}

async function removeRoot(host: Host, texts: readonly string[]): Promise<number> {
  const [text, ...others] = texts;
  if (text === undefined || others.length > 0) throw new UsageError("remove which root? give its NAME or LINK");
  const store = await openHostStore(host, cabRoot(host));
  try {
    // A link of the user's may lie here under the name of an entry, so the entry is taken first.
    const isName = !text.includes("/") && (await done(store.removeRoot(text)));
    if (isName || (await done(store.removeRoot(resolve(host.cwd, text))))) return 0;
    throw new Ended(`error: there is no root ${text}; see which there are: cab roots\n`);
  } finally {
    await store.close();
  }
}
