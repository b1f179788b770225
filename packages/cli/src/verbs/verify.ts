/** `cab verify`: whether the store is what its database says. */
import type { Damage } from "@cab/store";
import { examineDatabase } from "@cab/store/database-repair";
import * as E from "fp-ts/lib/Either.js";
import { cabRoot } from "../cab-root.ts";
import { damageText, requirePath } from "../damage-text.ts";
import { Ended } from "../ended.ts";
import { renderStoreFailure } from "../render-failure.ts";
import { counted, sizeText } from "../size-text.ts";
import { defineVerb, type Host } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--contents] [PATH…]",
  summary: "Checks that every object (or these) is there as the database says: names, types, modes and times.",
  details: [
    "With --contents every file is read, on all cores, and those that wait to be shared too. Each damaged place is printed",
    "with what was expected and found. Changes nothing. Exit code: 0, or 1 if something is damaged.",
  ].join("\n"),
  flags: {
    contents: { type: "boolean", help: "read every byte" },
    json: { type: "boolean", help: "print one object: objects, bytes, damages, and damaged rows of the database" },
  },
  run: async ({ positionals, flags }, host) => {
    const root = cabRoot(host);
    const paths = positionals.length === 0 ? undefined : positionals.map((text) => requirePath(root, text));
    // Looked at from outside first: a page of it that is damaged could end us.
    const examined = await examineDatabase(root)();
    if (E.isLeft(examined)) throw new Ended(`error: ${renderStoreFailure(examined.left)}\n`);
    const rows = examined.right;
    if (rows.length > 0) {
      if (flags.json) host.out(`${JSON.stringify({ objects: 0, bytes: 0, damages: [], rows })}\n`);
      else
        for (const { table, key } of rows)
          host.out(`var/db: the table ${table} is damaged${key === undefined ? "" : ` at ${key}`}\n`);
      host.err("the database is damaged; rebuild it from the objects with: cab repair --db\n");
      return 1;
    }
    const store = await openHostStore(host, root);
    try {
      const verified = await store.verify({
        paths,
        contents: flags.contents === true,
        workers: host.cores,
        signal: host.signal,
        onDamage: (damage) => (flags.json ? undefined : say(host, damage)),
        onProgress: shown(host),
      })();
      if (E.isLeft(verified)) throw new Ended(`error: ${renderStoreFailure(verified.left)}\n`);
      const { objects, bytes, damages } = verified.right;
      if (flags.json) host.out(`${JSON.stringify({ objects, bytes, damages, rows })}\n`);
      const read = flags.contents ? `, ${sizeText(bytes)} read` : "";
      host.err(
        `${counted(objects, "object")}${read}: ${damages.length === 0 ? "all sound" : counted(damages.length, "damaged place")}\n`,
      );
      if (damages.length > 0) host.err("repair them with: cab repair, and --from a cache that has them\n");
      return damages.length > 0 ? 1 : 0;
    } finally {
      await store.close();
    }
  },
});

const say = (host: Host, damage: Damage): void => host.out(`${damageText(damage)}\n`);

/** Every hundredth object, so that a terminal is no brake. */
const shown =
  ({ terminal, err }: Host) =>
  (done: number, of: number, bytes: number): void => {
    if (terminal === null || (done % 100 !== 0 && done !== of)) return;
    err(`\r\x1b[Kverifying: ${done} of ${counted(of, "object")}, ${sizeText(bytes)}${done === of ? "\n" : ""}`);
  };
