import { fromDebian } from "../../lib/from-debian.ts";
import libcap2 from "./libcap2.ts";
import libgcrypt20 from "./libgcrypt20.ts";
import liblz4 from "./liblz4-1.ts";
import liblzma5 from "./liblzma5.ts";
import libzstd1 from "./libzstd1.ts";

/** It is asked where the host's systemd keeps units, hardware tables and journals, and loads no code from there. */
const LOOKS_UP = "what sd_path, sd_hwdb, sd_journal and sd_bus look up of the running systemd";

export default fromDebian({
  name: "libsystemd0",
  inputs: { libcap2, libgcrypt20, liblz4, liblzma5, libzstd1 },
  hostPaths: Object.fromEntries(
    ["/bin", "/etc", "/lib/systemd", "/lib/udev", "/sbin", "/usr", "/var"].map((path) => [path, LOOKS_UP]),
  ),
});
