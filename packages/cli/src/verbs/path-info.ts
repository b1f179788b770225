/** `cab path-info`: what the store knows of its objects. */
import { type ObjectInfo, referencesFirst, type StorePath } from "@cab/core";
import type { Store } from "@cab/store";
import { cabRoot } from "../cab-root.ts";
import { sizeText } from "../size-text.ts";
import { NAMES_HELP, namedObjects } from "../store-names.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";
import { openHostStore } from "../wiring.ts";

export const verb = defineVerb({
  usage: "[--json] [--referrers] [--closure] NAME|PATH… | --all",
  summary: "Says what the store knows of these objects: kind, digest, size, references, deriver.",
  details: [
    NAMES_HELP,
    "",
    "--closure and --all print store paths, one on each line, each behind those that it refers to: what cab export --except",
    "takes. With --json they print a list of the same records as without them.",
  ].join("\n"),
  flags: {
    all: { type: "boolean", help: "of every object in the store" },
    closure: { type: "boolean", help: "of these objects and of all that they refer to" },
    referrers: { type: "boolean", help: "say which objects refer to them, too" },
    json: { type: "boolean", help: "print a list of records" },
  },
  run: async ({ positionals, flags }, host) => {
    if (flags.all ? positionals.length > 0 : positionals.length === 0) {
      throw new UsageError("info of what? give NAME or PATH, or --all alone");
    }
    const root = cabRoot(host);
    const store = await openHostStore(host, root);
    try {
      const objects = await chosen(host, root, store, positionals, flags);
      const record = (info: ObjectInfo): PathInfo => ({
        ...info,
        ...(flags.referrers ? { referrers: store.referrers(info.path) } : {}),
      });
      if (flags.json) host.out(`${JSON.stringify(objects.map(record))}\n`);
      else if (flags.all || flags.closure) host.out(objects.map(({ path }) => `${path}\n`).join(""));
      else host.out(objects.map((info) => text(record(info))).join("\n"));
      return 0;
    } finally {
      await store.close();
    }
  },
});

type PathInfo = ObjectInfo & { readonly referrers?: readonly StorePath[] };

async function chosen(
  host: Host,
  root: string,
  store: Store,
  names: readonly string[],
  { all, closure }: { readonly all?: boolean; readonly closure?: boolean },
): Promise<readonly ObjectInfo[]> {
  if (all) return referencesFirst(store.objects(), store.object);
  const { objects } = await namedObjects(host, root, store, names);
  const infos = objects.map(({ info }) => info);
  if (!closure) return infos;
  return referencesFirst(
    infos.map(({ path }) => path),
    store.object,
  );
}

function text({ path, kind, digest, size, references, deriver, referrers }: PathInfo): string {
  const list = (title: string, paths: readonly string[]): string[] =>
    paths.length === 0 ? [`  ${title}: none`] : [`  ${title}:`, ...paths.map((one) => `    ${one}`)];
  const lines = [
    path,
    `  kind: ${kind}`,
    `  digest: ${digest}`,
    `  size: ${sizeText(size)} (${size} bytes)`,
    `  deriver: ${deriver ?? "unknown; it was not built here"}`,
    ...list("references", references),
    ...(referrers === undefined ? [] : list("referrers", referrers)),
  ];
  return `${lines.join("\n")}\n`;
}
