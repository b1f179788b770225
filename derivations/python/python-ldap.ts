import { debianSource, sh } from "@cab/core";
import { pythonPackage } from "../lib/python-package.ts";
import cyrusSasl from "../libraries/cyrus-sasl.ts";
import openldap from "../servers/openldap.ts";
import pyasn1 from "./pyasn1.ts";
import pyasn1Modules from "./pyasn1-modules.ts";

export default pythonPackage({
  name: "python-ldap",
  version: "3.4.4",
  source: ({ version }) =>
    debianSource({ suite: "trixie", package: "python-ldap", file: `python-ldap_${version}.orig.tar.gz` }),
  inputs: { openldap, cyrusSasl, pyasn1, pyasn1Modules },
  // What its own tests start a server with.
  finish: sh`rm -r "$out/$site/slapdtest"`,
  modules: ["_ldap", "ldap", "ldap.sasl", "ldif"],
});
