/**
 * A store whose power fails: what the database calls valid, and what was reported as done, is there afterwards. A sample of
 * the disks that may be left; test/nightly looks at all that can be told apart, and at more chosen by chance.
 */

import { afterCommit, type Syncs, without } from "../durability/faults.ts";
import { durabilitySuite, type Fault } from "../durability/suite.ts";

const SEED = 20_240_229;

const sample = (disks: number) => ({ seed: SEED, choices: 3, disks, findings: 5 });

const isOf =
  (wanted: string | RegExp): Syncs =>
  (_, path) =>
    typeof wanted === "string" ? path === wanted : wanted.test(path);

const forgets = (operation: Fault["operation"], what: string, syncs: Syncs): Fault => ({
  operation,
  what: `forgets to sync ${what}`,
  change: (recording, folder) => without(recording, folder, syncs),
});

const isGroup: Syncs = (call) => call === "syncfs";

durabilitySuite({
  replays: {
    admit: sample(160),
    import: sample(80),
    collect: sample(60),
    repair: sample(60),
    roots: sample(60),
    // Each of them proves every object in a new database, by programs of their own.
    rebuild: sample(12),
  },
  faults: [
    forgets("admit", "the files of an object", isGroup),
    {
      operation: "admit",
      what: "commits before it syncs the files of an object",
      change: (recording, folder) => afterCommit(recording, folder, isGroup),
    },
    forgets("admit", "the objects' names", isOf("root/store")),
    {
      operation: "admit",
      what: "commits before it syncs the objects' names",
      change: (recording, folder) => afterCommit(recording, folder, isOf("root/store")),
    },
    forgets("admit", "the database's pages", isOf(/^root\/var\/db\/data\.mdb$/)),
    forgets("admit", "the database's name", isOf("root/var/db")),
    forgets("collect", "that it gave up a generation", isOf("root/var/profiles/role")),
    forgets("repair", "that damaged files left the pool", isOf("root/store/.links")),
    forgets("repair", "a mode that it set right", isOf(/^root\/store\/[^/]*-modes-1\/data$/)),
    forgets("roots", "the store's own links", isOf("root/var/roots")),
    forgets("roots", "the user's link", isOf("links")),
    forgets("rebuild", "the new database's name", isOf("root/var/db")),
  ],
});
