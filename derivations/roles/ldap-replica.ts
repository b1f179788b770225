import { content, param, secret, sh } from "@cab/core";
import {
  directoryFiles,
  directoryHealth,
  directoryPackages,
  directoryParams,
  directoryService,
  directoryState,
  directoryTasks,
  directoryUsers,
} from "../lib/directory.ts";
import { serverRole } from "../lib/server-role.ts";

/** A copy of an LDAP directory that follows it at once, for readers; who wants to write is sent to the first one. */
export default serverRole({
  name: "ldap-replica",
  description: "a copy of an LDAP directory, which follows it",
  packages: directoryPackages,
  programs: ["openldap", "openssl"],
  params: {
    ...directoryParams,
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
  users: directoryUsers,
  secrets: { password: secret("ldap-root-password"), replication: secret("ldap-replication-password") },
  state: { directory: directoryState },
  files: (role) => directoryFiles(role, content`include ${role.run}/provider.conf`),
  tasks: (role) => ({
    ...directoryTasks(role, role.secrets.password),
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
    slapd: { ...directoryService(role), after: ["owner", "password", "provider"] },
  }),
  health: directoryHealth,
});
