import { secret, sh } from "@cab/core";
import * as directory from "../lib/directory.ts";
import { serverRole } from "../lib/server-role.ts";

/** An LDAP directory: slapd with TLS, SASL, its overlays and its monitor, and the client tools. */
export default serverRole({
  name: "ldap-server",
  description: "an LDAP directory with TLS, SASL and overlays, that others can replicate",
  packages: directory.packages,
  programs: ["openldap", "openssl"],
  params: directory.params,
  users: directory.users,
  secrets: { password: secret("ldap-root-password") },
  state: { directory: directory.state },
  files: (role) => directory.files(role, []),
  tasks: (role) => ({
    ...directory.tasks(role, role.secrets.password),
    entry: {
      // A first entry for the suffix, where there is nothing yet.
      exec: sh`[ ! -e ${role.state.directory}/data.mdb ] || exit 0
suffix=${role.params.suffix}
attribute=\${suffix%%=*} value=\${suffix#*=}
value=\${value%%,*}
{
  printf 'dn: %s\n' "$suffix"
  case $attribute in
    dc) printf 'objectClass: dcObject\nobjectClass: organization\no: %s\n' "$value" ;;
    o) printf 'objectClass: organization\n' ;;
    ou) printf 'objectClass: organizationalUnit\n' ;;
  esac
  printf '%s: %s\n' "$attribute" "$value"
} | ${role.openldap}/sbin/slapadd -f ${role.etc}/offline.conf -b "$suffix"`,
      user: "openldap",
    },
  }),
  services: (role) => ({
    slapd: { ...directory.service(role), after: ["owner", "password", "entry"] },
  }),
  health: directory.health,
  sizeBudget: 40e6,
});
