/**
 * What the roles of an LDAP directory share: slapd with TLS, SASL and its overlays, its data, and how both become text and
 * back. Knows nothing of where a directory's entries come from.
 */
import { argv, content, type Hole, type ParamTexts, param, sh, type Text, when } from "@cab/core";
import busybox from "../libraries/busybox.ts";
import cyrusSasl from "../libraries/cyrus-sasl.ts";
import openssl from "../libraries/openssl.ts";
import openldap from "../servers/openldap.ts";
import type { Service, State, Task } from "./role.ts";

export const packages = { openldap, openssl, cyrusSasl, busybox };

export const params = {
  suffix: param.string({
    default: "dc=example,dc=org",
    pattern: "(dc|o|ou)=[^,+]+(,[a-zA-Z]+=[^,+]+)*",
    description: "the directory's base; cn=admin below it administers",
  }),
  address: param.string({
    default: "127.0.0.1",
    pattern: "[0-9a-zA-Z.:-]+|\\[[0-9a-f:]+\\]",
    description: "listens on this address, and always on a socket in its run directory",
  }),
  port: param.port({ default: 389, description: "for LDAP, with STARTTLS where there is a certificate" }),
  serverId: param.integer({
    default: 1,
    min: 1,
    max: 4095,
    description: "this server's number among those that replicate",
  }),
  maxSize: param.integer({ default: 2 ** 30, min: 2 ** 20, description: "bytes that the database may grow to" }),
  log: param.string({
    default: "none",
    pattern: "[a-z]+([ ,][a-z]+)*",
    description: "what slapd logs: none, stats, config, any, …",
  }),
  certificate: param.optional.file({ description: "PEM; without one there is no TLS" }),
  key: param.optional.file({ description: "the certificate's key" }),
  authority: param.optional.file({ description: "the certificates of those who sign other servers'" }),
};

/** slapd's own user, where root activates the role; 389 as others have it. */
export const users = { openldap: 389 };

/** What a role of this kind is told by `serverRole`. */
export interface Directory {
  readonly name: string;
  readonly openldap: typeof openldap;
  readonly openssl: typeof openssl;
  readonly cyrusSasl: typeof cyrusSasl;
  readonly busybox: typeof busybox;
  readonly params: ParamTexts<typeof params>;
  readonly state: { readonly directory: Text };
  readonly etc: Text;
  readonly run: Text;
}

/** slapd's name for the socket: in a URL, slashes are escaped. */
const socketUrl = (role: string): string => `ldapi://${encodeURIComponent(`/cab/run/${role}/work/ldapi`)}`;

const schema = ({ openldap }: Directory): Text => content`include ${openldap}/etc/openldap/schema/core.schema
include ${openldap}/etc/openldap/schema/cosine.schema
include ${openldap}/etc/openldap/schema/inetorgperson.schema
include ${openldap}/etc/openldap/schema/nis.schema

# With their suffix: libltdl would first look for .la files, which the store has none of.
modulepath ${openldap}/libexec/openldap
moduleload back_mdb.so
moduleload memberof.so
moduleload ppolicy.so
moduleload syncprov.so
`;

const database = ({ params, state }: Directory): Text => content`database mdb
suffix "${params.suffix}"
rootdn "cn=admin,${params.suffix}"
directory "${state.directory}"
maxsize ${params.maxSize}
index objectClass,member,entryUUID,entryCSN eq
index uid,cn,sn,mail eq,sub
`;

/** The role's files; `more` stands in the database's part of slapd's configuration. */
export function files(of: Directory, more: Hole): Readonly<Record<string, Text>> {
  const { params, run } = of;
  return {
    "slapd.conf": content`${schema(of)}
serverID ${params.serverId}
pidfile "${run}/slapd.pid"
argsfile "${run}/slapd.args"
${when(params.certificate, (file) => content`TLSCertificateFile "${file}"`)}
${when(params.key, (file) => content`TLSCertificateKeyFile "${file}"`)}
${when(params.authority, (file) => content`TLSCACertificateFile "${file}"`)}

# Whoever runs the server administers it through the socket; a SASL user is the entry of that uid.
include ${run}/owner.conf
authz-regexp "^uid=([^,]+),(cn=[^,]+,)?cn=[^,]+,cn=auth$" "ldap:///${params.suffix}??sub?(uid=$1)"
# No anonymous and no plain-text mechanism.
sasl-secprops noanonymous,noplain

${database(of)}
include ${run}/password.conf

access to attrs=userPassword by self write by anonymous auth by * none
access to * by self write by users read by anonymous search

overlay memberof
overlay ppolicy
overlay syncprov
${more}

database monitor
access to * by dn.exact="cn=admin,${params.suffix}" read by * none
`,
    // For slapadd and slapcat, which need no password and no network.
    "offline.conf": content`${schema(of)}
${database(of)}`,
    "sasl2/slapd.conf": content`# SCRAM needs the clear text or its own verifier as userPassword, which slapd hands over by its auxprop plugin.
mech_list: EXTERNAL SCRAM-SHA-256 SCRAM-SHA-512
auxprop_plugin: slapd
`,
    "ldap.conf": content`URI ${socketUrl(of.name)}
BASE ${params.suffix}
${when(params.authority, (file) => content`TLS_CACERT ${file}`)}
`,
  };
}

/** `password`: the file with the administrator's. */
export function tasks(of: Directory, password: Text): Readonly<Record<string, Task>> {
  const { openldap, params, run } = of;
  return {
    owner: {
      exec: sh`printf 'authz-regexp "^gidNumber=%s[+]uidNumber=%s,cn=peercred,cn=external,cn=auth$" "cn=admin,%s"\n' \
  "$(id -g)" "$(id -u)" ${params.suffix} > ${run}/owner.conf`,
      user: "openldap",
    },
    // Hashed, so that the clear password is in the secret's file alone.
    password: {
      exec: sh`printf 'rootpw %s\n' "$(${openldap}/sbin/slappasswd -n -T ${password})" > ${run}/password.conf`,
      user: "openldap",
    },
  };
}

export function service(of: Directory): Service {
  const { openldap, openssl, cyrusSasl, params, etc } = of;
  const urls = content`${socketUrl(of.name)} ldap://${params.address}:${params.port}`;
  return {
    // -s 0: the host's syslog is not ours; what is logged goes to standard error.
    exec: argv`${openldap}/libexec/slapd -d ${params.log} -s 0 -f ${etc}/slapd.conf -h ${urls}`,
    user: "openldap",
    env: {
      OPENSSL_CONF: content`${openssl}/etc/ssl/openssl.cnf`,
      SASL_PATH: content`${cyrusSasl}/lib/sasl2`,
      SASL_CONF_PATH: content`${etc}/sasl2`,
      LDAPCONF: content`${etc}/ldap.conf`,
    },
    ready: health(of),
  };
}

export const health = ({ openldap, name }: Directory): readonly Text[] =>
  argv`${openldap}/bin/ldapsearch -x -LLL -o nettimeout=5 -H ${socketUrl(name)} -s base -b ${""} namingContexts`;

/** LMDB's files are of one version of slapd's backend; as LDIF any other can take them. */
export const state = ({ openldap, params, etc, run }: Directory): State => ({
  format: "openldap-mdb-2.5",
  user: "openldap",
  converts: "ldif",
  backup: argv`${openldap}/sbin/slapcat -f ${etc}/offline.conf -b ${params.suffix}`,
  restore: sh`sed "s|^directory .*|directory \"$CAB_STATE\"|" ${etc}/offline.conf > ${run}/restore.conf
exec ${openldap}/sbin/slapadd -q -f ${run}/restore.conf -b ${params.suffix}`,
});
