/** Damage of the store as a person reads it, and the paths that verbs of repair are given. */
import { printable, type StorePath, utf8 } from "@cab/core";
import type { Damage } from "@cab/store";
import { storePathIn } from "./store-path-argument.ts";
import { UsageError } from "./verb.ts";

export function damageText({ path, file, expected, found }: Damage): string {
  const place = path === null ? printable(utf8(file)) : file === "." ? path : `${path}/${file}`;
  return `${place}\n  expected: ${expected}\n  found:    ${found}`;
}

export function requirePath(root: string, text: string): StorePath {
  const path = storePathIn(root, text);
  if (path === undefined) throw new UsageError(`${text} is no store path`);
  return path;
}
