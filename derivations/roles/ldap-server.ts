import { local, sh } from "@cab/core";
import { serverRole } from "../lib/server-role.ts";
import busybox from "../libraries/busybox.ts";
import cyrusSasl from "../libraries/cyrus-sasl.ts";
import openssl from "../libraries/openssl.ts";
import openldap from "../servers/openldap.ts";

/** An LDAP directory: slapd with TLS, SASL and its overlays, the client tools, and a start script. */
export default serverRole({
  name: "ldap-server",
  packages: { openldap, openssl, cyrusSasl, busybox },
  programs: ["openldap"],
  files: local(import.meta, "./ldap-server"),
  install: sh`source "$src/install.sh"`,
});
