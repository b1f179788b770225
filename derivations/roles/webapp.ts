import { local, sh } from "@cab/core";
import { pythonEnvironment } from "../lib/python-environment.ts";
import { pythonPackage } from "../lib/python-package.ts";
import { serverRole } from "../lib/server-role.ts";
import busybox from "../libraries/busybox.ts";
import pythonLdap from "../python/python-ldap.ts";
import pythonRedis from "../python/python-redis.ts";
import nginx from "../servers/nginx.ts";
import uwsgi from "../servers/uwsgi.ts";

const program = pythonPackage({
  name: "webapp-program",
  version: "1.0",
  source: local(import.meta, "./webapp/program"),
  inputs: { pythonLdap, pythonRedis },
  modules: ["webapp"],
});

/** On a libc that knows UTF-8 and other character sets by itself: text from anywhere passes through. */
const platform = { libc: "source" } as const;

/** A web application: nginx, uwsgi and a Python program that searches LDAP and counts in redis. */
export default serverRole({
  name: "webapp",
  packages: { nginx, uwsgi, busybox, python: pythonEnvironment({ name: "webapp-python", packages: { program } }) },
  programs: ["nginx", "uwsgi", "python"],
  source: local(import.meta, "./webapp"),
  install: sh`source "$src/install.sh"`,
}).for(platform);
