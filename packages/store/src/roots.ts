/** Everything that keeps objects alive, in one list. Knows each kind of root; deletes nothing. */
import type { StorePath } from "@cab/core";
import type { Database } from "./database.ts";
import type { Layout } from "./layout.ts";
import { forgetDead, processDirectory } from "./process-socket.ts";
import { type RootLink, rootLinks } from "./root-links.ts";
import { temporaryRoots } from "./temporary-roots.ts";

export type Root =
  | RootLink
  /** A living process is about to use the object. `link`: the process's directory. */
  | { readonly kind: "process"; readonly link: string; readonly path: StorePath };

export async function listRoots({
  layout,
  database,
}: {
  readonly layout: Layout;
  readonly database: Database;
}): Promise<Root[]> {
  await forgetDead(layout);
  return database.write(() => {
    const kept = [...temporaryRoots(layout)].flatMap(([id, paths]) =>
      paths.map((path): Root => ({ kind: "process", link: processDirectory(layout, id), path })),
    );
    return [...rootLinks(layout), ...kept];
  });
}
