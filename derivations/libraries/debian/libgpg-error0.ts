import { fromDebian } from "../../lib/from-debian.ts";

export default fromDebian({
  name: "libgpg-error0",
  hostPaths: {
    "/etc": "where programs that use its argument parser keep their configuration",
    "/usr/share/locale": "message catalogues: plain text, and not read in the C locale",
  },
});
