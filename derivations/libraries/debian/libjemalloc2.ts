import { fromDebian } from "../../lib/from-debian.ts";

export default fromDebian({
  name: "libjemalloc2",
  hostPaths: {
    "/etc/malloc.conf": "a link whose text is options: the administrator's way to set them for all programs",
  },
});
