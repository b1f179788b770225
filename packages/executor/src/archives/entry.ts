/** One entry of any archive, and its place in the tree: strips, merges /usr, prunes, refuses. Knows no format. */
import { components, type Refuse, readableName, type TreeWriter } from "../tree/tree-writer.ts";
import type { Budget } from "./budget.ts";

/** Names and targets are byte strings. */
export type ArchiveEntry = { readonly name: string } & (
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly mode: number; readonly contents: AsyncIterable<Uint8Array> }
  | { readonly kind: "symlink" | "hardlink"; readonly target: string }
  | { readonly kind: "unsupported"; readonly what: string }
);

export interface Placement {
  /** Leading components that are dropped. */
  readonly strip: number;
  /** Moves `bin`, `sbin`, `lib` and `lib64` below `usr`, as Debian's merged /usr does. */
  readonly mergeUsr: boolean;
  /** What is left out, with all below it: paths, in which `*` stands for any part of one component. */
  readonly exclude: readonly string[];
}

/** The root's directories that a merged /usr turns into links. */
export const MERGED_DIRECTORIES = ["bin", "sbin", "lib", "lib64"];

export interface Placer {
  /** The entry's place; undefined if it was stripped or pruned. The root itself is "". */
  readonly place: (name: string) => string | undefined;
  /** The target of a link that stood at `name` in the archive. */
  readonly target: (name: string, target: string) => string;
  /** Whether a link of this name is one of those that a merged /usr has at its root anyway. */
  readonly isMergedLink: (name: string) => boolean;
}

export function placer({ strip, mergeUsr, exclude }: Placement, refuse: Refuse): Placer {
  const pruned = exclude.map(pattern);
  const merges = (parts: readonly string[]): boolean => mergeUsr && MERGED_DIRECTORIES.includes(parts[0] ?? "");
  const stripped = (name: string): string[] | undefined => {
    const parts = components(name);
    if (parts === undefined) return refuse(name, "its name leads out of the tree, or cannot be a name");
    return parts.length < strip || (parts.length === strip && strip > 0) ? undefined : parts.slice(strip);
  };
  return {
    place: (name) => {
      const parts = stripped(name);
      if (parts === undefined) return undefined;
      const path = (merges(parts) ? ["usr", ...parts] : parts).join("/");
      return pruned.some((one) => one.test(readableName(path))) ? undefined : path;
    },
    isMergedLink: (name) => {
      const parts = stripped(name);
      return parts?.length === 1 && merges(parts);
    },
    // `lib/x -> ../etc/x` has moved one directory down: where the target climbs to the root, it has to climb once more.
    target: (name, target) => {
      const parts = stripped(name) ?? [];
      if (!merges(parts) || target.startsWith("/")) return target;
      let climbed = 0;
      for (const part of target.split("/")) {
        if (part === "..") climbed++;
        else if (part !== "" && part !== ".") break;
      }
      return climbed > 0 && climbed >= parts.length - 1 ? `../${target}` : target;
    },
  };
}

const pattern = (glob: string): RegExp => {
  const parts = glob.split("/").filter((part) => part !== "" && part !== ".");
  const escaped = parts.map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", "[^/]*"));
  return new RegExp(`^${escaped.join("/")}(/|$)`);
};

/** Where entries go, and what bounds and refuses them. */
export interface Destination {
  readonly tree: TreeWriter;
  readonly placer: Placer;
  readonly budget: Budget;
  readonly refuse: Refuse;
  /** Called between pieces of work; throws if it is to stop. */
  readonly checkCancelled: () => void;
}

const SET_ID = 0o6000;
const OWNER_EXECUTES = 0o100;

export async function unpackEntry(entry: ArchiveEntry, destination: Destination): Promise<void> {
  const { tree, placer, budget, refuse, checkCancelled } = destination;
  checkCancelled();
  budget.entry();
  const path = placer.place(entry.name);
  if (path === undefined) return;
  switch (entry.kind) {
    case "directory":
      return tree.directory(path);
    case "symlink":
      return placer.isMergedLink(entry.name) ? undefined : tree.symlink(path, placer.target(entry.name, entry.target));
    case "hardlink":
      return tree.hardLink(
        path,
        placer.place(entry.target) ?? refuse(entry.name, "it is a hard link to a file that is left out"),
      );
    case "unsupported":
      return refuse(entry.name, `it is ${entry.what}, which no store object can hold`);
    case "file": {
      // Dropping the bits in silence would give a program that does not work; keeping them would hand out privileges.
      if ((entry.mode & SET_ID) !== 0)
        refuse(entry.name, 'it is set-user-id or set-group-id; leave it out by "exclude"');
      const file = tree.file(path, (entry.mode & OWNER_EXECUTES) !== 0);
      try {
        for await (const chunk of entry.contents) {
          checkCancelled();
          file.write(chunk);
        }
      } finally {
        file.close();
      }
    }
  }
}
