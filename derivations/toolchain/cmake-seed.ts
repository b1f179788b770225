/** The seed with Debian's cmake laid over it: what builders of CMake projects run in. */
import { debianTree } from "../lib/debian-tree.ts";
import seed from "./seed.ts";

export default debianTree({
  name: "cmake-seed",
  base: seed,
  packages: [
    ...[
      "cmake",
      "cmake-data",
      "libarchive13",
      "libcurl4",
      "libexpat1",
      "libjsoncpp25",
      "librhash0",
      "libuv1",
      "libxml2",
    ],
    // The tail is libcurl's.
    ...["libnettle8", "libicu72", "libnghttp2-14", "libidn2-0", "librtmp1", "libssh2-1", "libpsl5", "libssl3"],
    ...["libgssapi-krb5-2", "libldap-2.5-0", "libbrotli1", "libunistring2", "libgnutls30", "libhogweed6", "libkrb5-3"],
    ...["libk5crypto3", "libcom-err2", "libkrb5support0", "libkeyutils1", "libsasl2-2", "libp11-kit0", "libtasn1-6"],
    ...["libffi8", "liblz4-1"],
  ],
});
