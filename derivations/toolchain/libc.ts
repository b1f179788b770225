/** The C and C++ run-time libraries as a store object: the seed's bytes with every path to the host closed. */
import { contentAddressed, definePackage, local } from "@cab/core";
import seed from "./seed.ts";

const script = local(import.meta, "./libc/make-libc.sh");

export default definePackage({ name: "libc", version: "2.36" }, () => ({
  name: "libc-2.36",
  builder: "/bin/bash",
  args: [script],
  env: {},
  rootfs: seed,
  outputs: contentAddressed(["out"]),
}));
