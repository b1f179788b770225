/**
 * The C and C++ run-time libraries with glibc built from source in a prefix of its own: what `libc: "source"` links.
 * Built by the seed's compiler alone, so it is the same for every platform that uses it.
 */
import {
  contentAddressed,
  debianSource,
  definePackage,
  local,
  type NoOptions,
  type NoPackages,
  type PackageSpec,
} from "@cab/core";
import glibcSeed from "./glibc-seed.ts";

const VERSION = "2.36";

const script = local(import.meta, "./libc-source/build.sh");
const patches = [local(import.meta, "./libc-source/no-host-preload.patch")];
/** Upstream's release, and what Debian adds: of that the release's own stable branch is taken, with its security fixes. */
const src = debianSource({ package: "glibc", file: `glibc_${VERSION}.orig.tar.xz` });
const debian = debianSource({ package: "glibc", file: `glibc_${VERSION}-9+deb12u14.debian.tar.xz` });

type Spec = PackageSpec<NoOptions, NoPackages>;

export default definePackage<NoOptions, NoPackages, Spec, "out" | "dev">(
  { name: "glibc", version: VERSION, outputs: ["dev"] },
  () => ({
    name: `glibc-${VERSION}`,
    builder: "/bin/bash",
    args: [script],
    env: { src, debian, patches },
    rootfs: glibcSeed,
    outputs: contentAddressed(["out", "dev"]),
  }),
);
