import { debianSource, option, sh } from "@cab/core";
import { make } from "../lib/make.ts";
import zlib from "./zlib.ts";

export default make({
  name: "openssl",
  version: "3.0.20",
  source: ({ version }) => debianSource({ package: "openssl", file: `openssl_${version}.orig.tar.gz` }),
  inputs: { zlib },
  options: {
    /** the legacy provider: MD4, RC4 and their like, as a loadable module */
    legacy: option.flag(true, "the legacy provider: MD4, RC4 and their like, as a loadable module"),
  },
  configure: ({ options, out }) =>
    sh`./Configure linux-x86_64 --prefix=${out} --openssldir=${out}/etc/ssl --libdir=lib shared no-tests zlib ${options.legacy ? [] : "no-legacy"}`,
  install: () => ["install_sw", "install_ssldirs"],
  // A script that hashes certificates with /usr/bin/perl, and samples for running a certificate authority.
  finish: sh`rm -rf "$out/bin/c_rehash" "$out/etc/ssl/misc"`,
  provides: { bins: ["openssl"], libs: ["ssl", "crypto"] },
});
