import { fromDebian } from "../../lib/from-debian.ts";
import libgpgError0 from "./libgpg-error0.ts";

export default fromDebian({
  name: "libgcrypt20",
  inputs: { libgpgError0 },
  leaveOut: { "usr/share/libgcrypt20": "a script that cleans up after an upgrade of a Debian host" },
  hostPaths: { "/etc/gcrypt": "the administrator's settings: FIPS mode, hardware features, sources of randomness" },
});
