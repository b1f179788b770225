import { fromDebian } from "@cab/derivations/lib/from-debian.ts";
import liblzma5 from "@cab/derivations/libraries/debian/liblzma5.ts";

export default fromDebian({
  name: "libunwind8",
  inputs: { liblzma5 },
  hostPaths: {
    "/usr/libI": "the first half of /usr/lib/debug in an instruction; symbols are looked up there, not code",
  },
});
