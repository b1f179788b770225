/** `cab size`: what an object and its closure take, and what would be free without it. */
import { onlyBecauseOf, referencesFirst, type StoreFailure, type StorePath, totalSize } from "@cab/core";
import type { Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import type { TaskEither } from "fp-ts/lib/TaskEither.js";
import { cabRoot } from "../cab-root.ts";
import { Ended } from "../ended.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { counted, sizeText } from "../size-text.ts";
import { NAMES_HELP, type NamedObject, namedObjects } from "../store-names.ts";
import { defineVerb, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] NAME|PATH…",
  summary:
    "Says what these objects and their closures take, what of it is there for them alone, and what sharing saves.",
  details: [
    NAMES_HELP,
    "",
    "What is there for an object alone is what no other object of the store needs: were it not there, nothing would refer to",
    "that. Files of equal content are one file on disk, which is what sharing saves.",
  ].join("\n"),
  flags: { json: { type: "boolean", help: "print a list: path, own, closure, alone, saved, all in bytes" } },
  run: async ({ positionals, flags }, host) => {
    if (positionals.length === 0) throw new UsageError("the size of what? give at least one NAME or PATH");
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const { objects } = await namedObjects(host, root, store, positionals);
      const all = store.objects();
      const sizes: Size[] = [];
      for (const named of objects) sizes.push(await sizeOf(store, named, all));
      if (flags.json) host.out(`${JSON.stringify(sizes)}\n`);
      else host.out(sizes.map(text).join("\n"));
      return 0;
    } finally {
      await store.close();
    }
  },
});

interface Size {
  readonly path: StorePath;
  readonly own: number;
  readonly closure: { readonly objects: number; readonly bytes: number };
  /** What no object outside of the closure needs, unless through this one. */
  readonly alone: { readonly objects: number; readonly bytes: number };
  /** By files of the closure that are one file on disk. */
  readonly saved: number;
}

async function sizeOf(store: Store, { info }: NamedObject, all: readonly StorePath[]): Promise<Size> {
  const closure = referencesFirst([info.path], store.object);
  const alone = onlyBecauseOf(info.path, all, store.object);
  const { apparent, shared } = await orEnd(store.diskUsage(closure));
  return {
    path: info.path,
    own: info.size,
    closure: { objects: closure.length, bytes: totalSize(closure) },
    alone: { objects: alone.length, bytes: totalSize(alone) },
    saved: apparent - shared,
  };
}

async function orEnd<A>(task: TaskEither<StoreFailure, A>): Promise<A> {
  const done = await task();
  if (E.isRight(done)) return done.right;
  throw new Ended(`error: ${renderStoreFailure(done.left)}\n`);
}

const text = ({ path, own, closure, alone, saved }: Size): string =>
  [
    path,
    `  own:      ${sizeText(own)}`,
    `  closure:  ${sizeText(closure.bytes)} in ${counted(closure.objects, "object")}`,
    `  alone:    ${sizeText(alone.bytes)} in ${counted(alone.objects, "object")} that nothing else needs`,
    `  sharing:  saves ${sizeText(saved)} of the closure`,
    "",
  ].join("\n");
