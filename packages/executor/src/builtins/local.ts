/**
 * `builtin:local@1`: a file or directory of a workspace, promised by the digest that evaluating saw.
 *
 *     workspace   which workspace: a key of the executor's `workspaceRoots`
 *     file        path in it, with slashes
 *
 * The output is fixed: flat for a file (never executable), tree for a directory.
 */
import { chmodSync, constants, copyFileSync, existsSync, lstatSync, readlinkSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { fail } from "../failure.ts";
import { digestTree } from "../tree/tree-digest.ts";
import { components, nameOfBytes, readableName, treeWriter } from "../tree/tree-writer.ts";
import { walkTree } from "../tree/walk.ts";
import type { Builtin } from "./builtin.ts";

export const local: Builtin = {
  name: "builtin:local@1",
  keys: ["workspace", "file"],
  run: async ({ args, job, host, out }) => {
    const spec = job.drv.outputs.out;
    if (spec?._tag !== "FixedOutput" || spec.algo !== "sha256") return args.bad("its output must be fixed by sha256");
    const file = args.required("file");
    const workspace = args.required("workspace");
    const changed = (reason: string): never => fail({ _tag: "LocalSourceChanged", file, reason });
    if (!Object.hasOwn(host.workspaceRoots, workspace)) return args.bad(`no workspace is named "${workspace}"`);
    if (components(file) === undefined) return args.bad(`"${file}" leads out of the workspace`);
    const root = realpathSync(host.workspaceRoots[workspace] as string);
    if (!existsSync(`${root}/${file}`)) return changed("it is gone");
    // Links on the way are followed, as reading them while evaluating did, but only inside the workspace.
    const source = realpathSync(`${root}/${file}`);
    if (!isInside(root, source)) return args.bad(`"${file}" is a link that leads out of the workspace`);
    const stat = lstatSync(source);
    if (spec.mode === "flat" ? !stat.isFile() : !stat.isDirectory()) {
      return changed(`expected a ${spec.mode === "flat" ? "file" : "directory"}`);
    }
    if (spec.mode === "flat") {
      copyFileSync(source, out, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
      chmodSync(out, 0o644);
    } else copyTree({ root, source, out, bad: (path, reason) => args.bad(`"${file}/${path}" ${reason}`) });
    const digest = await digestTree(Buffer.from(out));
    if (digest?.hash !== spec.digest) changed(`its digest was ${spec.digest}, and now is ${digest?.hash}`);
  },
};

const isInside = (root: string, file: string): boolean => file === root || file.startsWith(`${root}/`);

interface Copy {
  readonly root: string;
  readonly source: string;
  readonly out: string;
  readonly bad: (path: string, reason: string) => never;
}

function copyTree({ root, source, out, bad }: Copy): void {
  const tree = treeWriter(out, (entry, reason) => bad(readableName(entry ?? ""), reason));
  tree.directory("");
  for (const { path, kind, file } of walkTree(source)) {
    if (kind === "directory") {
      tree.directory(path);
    } else if (kind === "file") {
      copyFileSync(file, tree.place(path, "file"), constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    } else if (kind === "symlink") {
      const target = nameOfBytes(readlinkSync(file, { encoding: "buffer" }));
      const leadsTo = posix.resolve(posix.dirname(`${source}/${path}`), target);
      if (target.startsWith("/") || !isInside(root, leadsTo)) bad(readableName(path), "is a link out of the workspace");
      tree.symlink(path, target);
    } else {
      bad(readableName(path), "is neither file, directory nor link");
    }
  }
}
