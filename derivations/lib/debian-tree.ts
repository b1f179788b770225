/**
 * A file tree made of Debian's binary packages, pinned by the lock file: what a first toolchain, or any layer beside it,
 * is taken from. Maintainer scripts are never run; what they would have done is said in `links` and `files`.
 */
import {
  type AnyPackage,
  contentAddressed,
  type DerivationRecipe,
  debianBinary,
  definePackage,
  json,
  type System,
} from "@cab/core";

export interface DebianTreeSpec {
  readonly name: string;
  /** Binary packages of the archive's main part, dependencies included: nothing is added on its own. */
  readonly packages: readonly string[];
  /** The release that they are of, if another than recipes take unless they say so. */
  readonly suite?: string;
  /** A tree that this one is laid over. */
  readonly base?: AnyPackage;
  /** Path prefixes that are left out. */
  readonly exclude?: readonly string[];
  /** Symbolic links: path to target. */
  readonly links?: Readonly<Record<string, string>>;
  /** Files: path to content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Directories that are there even if nothing is in them, such as mount points. */
  readonly directories?: readonly string[];
}

export const debianArch: Readonly<Record<System, string>> = {
  "x86_64-linux": "amd64",
  "aarch64-linux": "arm64",
};

/** Not needed to build anything, and a third of the bytes. */
const DOCUMENTATION = [
  "usr/share/doc",
  "usr/share/info",
  "usr/share/lintian",
  "usr/share/locale",
  "usr/share/man",
  "usr/share/bug",
];

export function debianTree(spec: DebianTreeSpec): AnyPackage {
  const unpacked = definePackage({ name: `${spec.name}-packages` }, (_, { platform }): DerivationRecipe => {
    const arch = debianArch[platform.build];
    const suite = spec.suite === undefined ? {} : { suite: spec.suite };
    return {
      name: `${spec.name}-packages`,
      builder: "builtin:unpack@1",
      env: {
        sources: json(spec.packages.map((name) => debianBinary({ package: name, arch, ...suite }))),
        mergeUsr: "1",
        exclude: json([...DOCUMENTATION, ...(spec.exclude ?? [])]),
      },
      rootfs: null,
      outputs: contentAddressed(["out"]),
    };
  });
  return definePackage({ name: spec.name }, () => ({
    name: spec.name,
    builder: "builtin:union@1",
    env: {
      mode: "copy",
      trees: json([...(spec.base === undefined ? [] : [spec.base]), unpacked].map((tree) => ({ path: tree }))),
      links: json(spec.links ?? {}),
      directories: json(spec.directories ?? []),
      files: json(Object.fromEntries(Object.entries(spec.files ?? {}).map(([path, text]) => [path, { text }]))),
    },
    rootfs: null,
    outputs: contentAddressed(["out"]),
  }));
}
