/**
 * `builtin:write@1`: an output that the derivation itself spells out.
 *
 *     files         JSON { path: { "text" | "base64": …, "executable"?: boolean } }; the path "" makes the output a file
 *     links         JSON { path: target }; the path "" makes the output a link
 *     directories   JSON array of directories that are there even if nothing is in them
 *     text          the output is a file of this text (instead of the three above)
 */
import { symlinkSync, writeFileSync } from "node:fs";
import { type DeclaredEntries, declaredEntries, writeDeclared } from "../tree/declared-entries.ts";
import { bytesOfName, readableName, treeWriter } from "../tree/tree-writer.ts";
import type { Builtin } from "./builtin.ts";

export const write: Builtin = {
  name: "builtin:write@1",
  keys: ["files", "links", "directories", "text"],
  run: async ({ args, out }) => {
    const declared = declaredEntries(args);
    const text = args.text("text");
    const entries = declared.files.size + declared.links.size + declared.directories.length;
    if (text !== undefined) {
      if (entries > 0) args.bad('it takes either "text" or "files", "links" and "directories"');
      return writeFileSync(out, text, { mode: 0o644, flag: "wx" });
    }
    if (declared.files.has("") || declared.links.has("")) {
      if (entries > 1) args.bad('where "" is the output itself, nothing can stand beside it');
      return writeRoot(out, declared);
    }
    const tree = treeWriter(out, (entry, reason) => args.bad(`"${readableName(entry ?? "")}": ${reason}`));
    tree.directory("");
    writeDeclared(tree, declared);
  },
};

function writeRoot(out: string, { files, links }: DeclaredEntries): void {
  for (const { bytes, executable } of files.values()) {
    writeFileSync(out, bytes, { mode: executable ? 0o755 : 0o644, flag: "wx" });
  }
  for (const target of links.values()) symlinkSync(bytesOfName(target), out);
}
