/** The sandbox's own programs: bubblewrap, and what gives up privileges where cab runs as root. */
import { debianTree } from "../lib/debian-tree.ts";

export default debianTree({
  name: "sandbox",
  packages: [
    ...["bubblewrap", "libcap2", "libselinux1", "libpcre2-8-0", "libc6"],
    ...["coreutils", "libacl1", "libattr1", "libgmp10"],
  ],
});
