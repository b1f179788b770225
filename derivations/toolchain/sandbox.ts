/** The sandbox's own programs: bubblewrap, and what limits resources and, where cab runs as root, gives up privileges. */
import { debianTree } from "../lib/debian-tree.ts";

export default debianTree({
  name: "sandbox",
  // Programs with set-user-id bits, which no store object may have.
  exclude: ["usr/bin/su"],
  packages: [
    ...["bubblewrap", "libcap2", "libselinux1", "libpcre2-8-0", "libc6"],
    ...["coreutils", "libacl1", "libattr1", "libgmp10", "util-linux", "libsmartcols1", "libcap-ng0"],
  ],
});
