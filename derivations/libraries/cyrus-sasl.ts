import { debianSource } from "@cab/core";
import { autotools } from "../lib/autotools.ts";
import openssl from "./openssl.ts";

export default autotools({
  name: "cyrus-sasl",
  version: "2.1.28",
  source: ({ version }) => debianSource({ package: "cyrus-sasl2", file: `cyrus-sasl2_${version}+dfsg.orig.tar.xz` }),
  inputs: { openssl },
  configure: ({ out }) => [
    "--with-dblib=none",
    "--disable-gssapi",
    "--disable-otp",
    "--disable-sample",
    `--with-plugindir=${out}/lib/sasl2`,
    `--with-configdir=${out}/lib/sasl2`,
    "--with-openssl",
    "--with-saslauthd=no",
  ],
  provides: { libs: ["sasl2"] },
});
