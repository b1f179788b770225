import { content, param, secret, sh } from "@cab/core";
import * as directory from "../lib/directory.ts";
import { serverRole } from "../lib/server-role.ts";

/** A copy of an LDAP directory that follows it at once, for readers; who wants to write is sent to the first one. */
export default serverRole({
  name: "ldap-replica",
  description: "a copy of an LDAP directory, which follows it",
  packages: directory.packages,
  programs: ["openldap", "openssl"],
  params: {
    ...directory.params,
    provider: param.string({
      pattern: "ldap://[0-9a-zA-Z.:-]+",
      description: "the directory that it follows, such as ldap://ldap1.example.org:389",
    }),
    startTls: param.string({
      default: "critical",
      pattern: "no|yes|critical",
      description: "whether it speaks TLS to the provider: no, if that can, or not at all otherwise",
    }),
  },
  users: directory.users,
  secrets: { password: secret("ldap-root-password"), replication: secret("ldap-replication-password") },
  state: { directory: directory.state },
  files: (role) => directory.files(role, content`include ${role.run}/provider.conf`),
  tasks: (role) => ({
    ...directory.tasks(role, role.secrets.password),
    provider: {
      // In quotes in the file, so these and backslashes are escaped; nothing prints it.
      exec: sh`umask 077
credentials=$(sed 's/["\\]/\\&/g' ${role.secrets.replication})
printf 'syncrepl rid=1 provider=%s type=refreshAndPersist retry="1 30 5 +" starttls=%s\n  searchbase="%s" bindmethod=simple binddn="cn=admin,%s" credentials="%s"\nupdateref %s\n' \
  ${role.params.provider} ${role.params.startTls} ${role.params.suffix} ${role.params.suffix} "$credentials" ${role.params.provider} > ${role.run}/provider.conf`,
      user: "openldap",
    },
  }),
  services: (role) => ({
    slapd: { ...directory.service(role), after: ["owner", "password", "provider"] },
  }),
  health: directory.health,
});
