/**
 * The Debian mirrors that this host's apt is configured with. Reads apt's files; never names a host itself.
 *
 * Source: sources.list(5), both the one-line and the deb822 style.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";

interface Entry {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string;
}

/** Base URLs (without a slash at the end), in apt's order: those that serve Debian's main archive for certain come first. */
export function aptMirrors(aptDir: string): string[] {
  const certain: string[] = [];
  const likely: string[] = [];
  for (const entry of aptEntries(aptDir)) {
    if (!entry.components.includes("main") || !entry.suites.some(isMainSuite)) continue;
    for (const uri of entry.uris.flatMap((one) => mirrorList(one))) {
      if (!/^https?:\/\//.test(uri)) continue;
      const isCertain = entry.signedBy.includes("debian-archive") || /\/debian(\/|$)/.test(uri);
      (isCertain ? certain : likely).push(uri.replace(/\/+$/, ""));
    }
  }
  return [...new Set([...certain, ...likely])];
}

const RELEASES = /^(buster|bullseye|bookworm|trixie|forky|duke|sid|(old){0,2}stable|testing|unstable)$/;

const isMainSuite = (suite: string): boolean => RELEASES.test(suite);

function aptEntries(aptDir: string): Entry[] {
  const parts = `${aptDir}/sources.list.d`;
  const files = [
    `${aptDir}/sources.list`,
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => `${parts}/${name}`)
      : []),
  ];
  return files.flatMap((file) => {
    if (!existsSync(file)) return [];
    if (file.endsWith(".list")) return readFileSync(file, "utf8").split("\n").flatMap(oneLineEntry);
    return file.endsWith(".sources")
      ? readFileSync(file, "utf8")
          .split(/\n[ \t]*\n/)
          .flatMap(deb822Entry)
      : [];
  });
}

/** `deb [arch=amd64 signed-by=…] http://mirror/debian bookworm main contrib` */
function oneLineEntry(line: string): Entry[] {
  const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
  if (match === null) return [];
  const [, options = "", uri = "", suite = "", components = ""] = match;
  return [{ uris: [uri], suites: [suite], components: words(components), signedBy: options }];
}

/** A stanza of `Field: value` lines; a line that starts with a space goes on with the field before it. */
function deb822Entry(stanza: string): Entry[] {
  const fields = new Map<string, string>();
  let field = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const match = /^([A-Za-z-]+):(.*)$/.exec(line);
    if (match !== null) field = (match[1] as string).toLowerCase();
    fields.set(field, `${fields.get(field) ?? ""} ${match === null ? line : match[2]}`);
  }
  const list = (name: string): string[] => words(fields.get(name) ?? "");
  if (list("enabled")[0]?.toLowerCase() === "no" || list("types").length === 0) return [];
  return [
    {
      uris: list("uris"),
      suites: list("suites"),
      components: list("components"),
      signedBy: list("signed-by").join(" "),
    },
  ];
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

/** `mirror+file:/etc/apt/mirrors/debian.list`, as cloud images have it, names a file of URLs; others stand for themselves. */
function mirrorList(uri: string): string[] {
  const file = /^mirror\+file:(?:\/\/)?(\/.*)$/.exec(uri)?.[1];
  if (file === undefined || !existsSync(file)) return [uri];
  return readFileSync(file, "utf8")
    .split("\n")
    .flatMap((line) => words(line.replace(/#.*/, "")).slice(0, 1));
}
