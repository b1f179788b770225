/** The verbs that there are. Each is loaded only when it is used, since start-up time is what a user feels most. */
import type { Verb } from "../verb.ts";

export const verbs: Readonly<
  Record<string, { readonly summary: string; readonly load: () => Promise<{ verb: Verb }> }>
> = {
  init: { summary: "make a folder a workspace, with one role in it", load: () => import("./init.ts") },
  realise: {
    summary: "build or fetch roles and packages, and print their store paths",
    load: () => import("./realise.ts"),
  },
  run: { summary: "run a program of a role, with the store at /cab", load: () => import("./run.ts") },
  switch: { summary: "make a role's next generation what runs here", load: () => import("./switch.ts") },
  rollback: { summary: "go back to an older generation of a role", load: () => import("./rollback.ts") },
  generations: { summary: "list a role's generations", load: () => import("./generations.ts") },
  status: { summary: "say what runs here, and how it is", load: () => import("./status.ts") },
  up: { summary: "run a role in the foreground", load: () => import("./up.ts") },
  down: { summary: "stop a role", load: () => import("./down.ts") },
  eval: { summary: "print the derivation of a recipe", load: () => import("./eval.ts") },
  options: { summary: "print the options of a package, and who chose them", load: () => import("./options.ts") },
  "check-types": { summary: "type-check recipes", load: () => import("./check-types.ts") },
  log: { summary: "print the log of a build", load: () => import("./log.ts") },
  lock: { summary: "pin what recipes fetch in cab.lock", load: () => import("./lock.ts") },
  update: { summary: "find newer versions of what recipes build", load: () => import("./update.ts") },
  export: {
    summary: "write a closure as one stream, for a machine without a network",
    load: () => import("./export.ts"),
  },
  import: { summary: "take the objects of an export", load: () => import("./import.ts") },
  "path-info": { summary: "say what the store knows of an object", load: () => import("./path-info.ts") },
  size: { summary: "say what an object and its closure take", load: () => import("./size.ts") },
  why: { summary: "say why one object refers to another", load: () => import("./why.ts") },
  diff: { summary: "compare two closures, or generations of a role", load: () => import("./diff.ts") },
  gc: { summary: "delete what no root keeps", load: () => import("./gc.ts") },
  roots: { summary: "list, add and remove what keeps objects alive", load: () => import("./roots.ts") },
  verify: { summary: "check that the store is whole", load: () => import("./verify.ts") },
  repair: { summary: "make damaged objects, or the database, whole", load: () => import("./repair.ts") },
  push: { summary: "copy a closure to a binary cache", load: () => import("./push.ts") },
};
