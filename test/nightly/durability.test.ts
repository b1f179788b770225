/** A store whose power fails, as in test/e2e, with every disk that a moment can leave for certain, and many chosen by chance. */
import { durabilitySuite } from "../durability/suite.ts";

/** By the day, so that each night looks elsewhere; it is part of every finding. */
const seed = Math.floor(Date.now() / (24 * 3600 * 1000));

const all = { seed, choices: 60, disks: Number.POSITIVE_INFINITY, findings: 20 };

durabilitySuite({
  replays: { admit: all, import: all, collect: all, repair: all, roots: all, rebuild: { ...all, choices: 10 } },
  faults: [],
});
