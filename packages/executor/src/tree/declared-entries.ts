/** Files, links and directories that a derivation declares as JSON: reads them strictly, and writes them. Knows no builtin. */
import type { Arguments } from "../builtins/arguments.ts";
import { components, nameOfBytes, type TreeWriter } from "./tree-writer.ts";

export interface DeclaredFile {
  readonly bytes: Uint8Array;
  readonly executable: boolean;
}

export interface DeclaredEntries {
  /** By place in the tree, a byte string; "" is the output itself. */
  readonly files: ReadonlyMap<string, DeclaredFile>;
  readonly links: ReadonlyMap<string, string>;
  /** Those that may be empty; others come with what is in them. */
  readonly directories: readonly string[];
}

export function declaredEntries(args: Arguments): DeclaredEntries {
  const files = new Map<string, DeclaredFile>();
  const links = new Map<string, string>();
  for (const [key, value] of args.entries("files")) add(files, args, key, declaredFile(args, key, value));
  for (const [key, target] of args.entries("links")) {
    if (typeof target !== "string" || target === "") args.bad(`the link "${key}" needs a target`);
    add(links, args, key, nameOfBytes(Buffer.from(target as string)));
  }
  for (const path of links.keys()) if (files.has(path)) args.bad(`"${path}" is both a file and a link`);
  return { files, links, directories: args.strings("directories").map((key) => treePath(args, key)) };
}

/** A key as a place in a tree; one that leads out of it is refused. */
export function treePath(args: Arguments, key: string): string {
  const parts = components(nameOfBytes(Buffer.from(key)));
  return parts === undefined ? args.bad(`"${key}" leads out of the output`) : parts.join("/");
}

function add<A>(into: Map<string, A>, args: Arguments, key: string, value: A): void {
  const path = treePath(args, key);
  if (into.has(path)) args.bad(`"${key}" stands there twice`);
  into.set(path, value);
}

function declaredFile(args: Arguments, key: string, value: unknown): DeclaredFile {
  const bad = (reason: string): never => args.bad(`the file "${key}" ${reason}`);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return bad("must be a JSON object");
  const fields = new Map(Object.entries(value));
  for (const field of fields.keys()) {
    if (field !== "text" && field !== "base64" && field !== "executable") bad(`knows no "${field}"`);
  }
  const text = fields.get("text");
  const base64 = fields.get("base64");
  const executable = fields.get("executable") ?? false;
  if ((text === undefined) === (base64 === undefined)) bad('needs either "text" or "base64"');
  if (typeof (text ?? base64) !== "string" || typeof executable !== "boolean") bad("has a field of the wrong type");
  const bytes = text === undefined ? Buffer.from(base64 as string, "base64") : Buffer.from(text as string);
  if (text === undefined && bytes.toString("base64") !== base64) bad("is not canonical base64");
  return { bytes, executable: executable as boolean };
}

export function writeDeclared(tree: TreeWriter, { files, links, directories }: DeclaredEntries): void {
  for (const [path, { bytes, executable }] of files) {
    const file = tree.file(path, executable);
    try {
      file.write(bytes);
    } finally {
      file.close();
    }
  }
  for (const [path, target] of links) tree.symlink(path, target);
  for (const path of directories) tree.directory(path);
}
