/** The compiler that packages see: sets the loader, run paths and what determinism wants, then runs the seed's. */
import { type AnyPackage, concat, contentAddressed, definePackage, local, type OutputRef } from "@cab/core";
import libc from "./libc.ts";
import seed from "./seed.ts";

const source = local(import.meta, "./cc-wrapper");

/** The libc that everything will be linked with, and what compiles against it, unless the seed's own headers do. */
export interface LinkedLibc {
  readonly libc: AnyPackage;
  readonly libcDev?: OutputRef | undefined;
}

export const ccWrapperFor = ({ libc, libcDev }: LinkedLibc): AnyPackage =>
  definePackage({ name: "cc-wrapper", version: "12" }, () => ({
    name: "cc-wrapper-12",
    builder: "/bin/bash",
    args: [concat(source, "/build.sh")],
    env: { libc, libcDev, src: source },
    rootfs: seed,
    outputs: contentAddressed(["out"]),
  }));

export default ccWrapperFor({ libc });
