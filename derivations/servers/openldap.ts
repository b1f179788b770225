import { debianSource, option, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";
import cyrusSasl from "../libraries/cyrus-sasl.ts";
import libtool from "../libraries/libtool.ts";
import openssl from "../libraries/openssl.ts";

export default autotools({
  name: "openldap",
  version: "2.5.13",
  source: ({ version }) => debianSource({ package: "openldap", file: `openldap_${version}+dfsg.orig.tar.xz` }),
  inputs: { openssl, libtool, cyrusSasl },
  options: {
    /** memberof, syncprov, ppolicy and the rest, as modules */
    overlays: option.choice(["none", "mod"], "mod", "memberof, syncprov, ppolicy and the rest, as modules"),
  },
  // The tarball lacks the schemas, whose text the distribution found not free enough and rewrote.
  env: ({ version }) => ({
    debian: debianSource({ package: "openldap", file: `openldap_${version}+dfsg-5.debian.tar.xz` }),
  }),
  prepare: sh`tar --extract --file "$debian" --directory servers/slapd --strip-components=1 debian/schema`,
  configure: ({ options, out }) => [
    `--sysconfdir=${out}/etc`,
    // Makes the default ldapi socket /cab/run/ldapi; not to be created while installing.
    "--localstatedir=/cab",
    "--enable-slapd",
    "--enable-modules",
    "--enable-mdb=mod",
    "--enable-ldap=mod",
    options.overlays === "mod" && "--enable-overlays=mod",
    "--enable-spasswd",
    "--with-tls=openssl",
    "--with-cyrus-sasl",
    "--without-systemd",
    "--without-fetch",
    "--without-argon2",
  ],
  // Man pages go through soelim, which the seed lacks and which they do not need.
  make: () => ["SOELIM=cat"],
  install: ({ out }) => ["SOELIM=cat", "STRIP=", `localstatedir=${out}/var`],
  finish: sh`rm -rf "$out/var"`,
  provides: {
    bins: ["slapadd", "slapcat", "slappasswd", "slaptest", "ldapsearch", "ldapadd", "ldapmodify"],
    libs: ["ldap", "lber"],
  },
});
