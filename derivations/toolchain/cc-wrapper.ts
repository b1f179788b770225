/** The compiler that packages see: sets the loader, run paths and what determinism wants, then runs the seed's. */
import { concat, contentAddressed, definePackage, local } from "@cab/core";
import libc from "./libc.ts";
import seed from "./seed.ts";

const source = local(import.meta, "./cc-wrapper");

export default definePackage({ name: "cc-wrapper", version: "12" }, () => ({
  name: "cc-wrapper-12",
  builder: "/bin/bash",
  args: [concat(source, "/build.sh")],
  env: { libc, src: source },
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
