import { debianSource, local, option, sh } from "@cab/core";
import { pythonPhases } from "../lib/python-phases.ts";
import { scripted } from "../lib/scripted.ts";
import openssl from "../libraries/openssl.ts";
import python3 from "../libraries/python3.ts";
import zlib from "../libraries/zlib.ts";

/** uWSGI with Python built in, and of its many other parts only what the options choose. */
export default scripted({
  name: "uwsgi",
  version: "2.0.21",
  source: ({ version }) => debianSource({ package: "uwsgi", file: `uwsgi_${version}.orig.tar.gz` }),
  patches: [local(import.meta, "./uwsgi/utf8-mode.patch")],
  outputs: [],
  inputs: { openssl, python3, zlib },
  options: {
    /** an HTTP router of its own; behind a web server it needs none */
    http: option.flag(false, "an HTTP router of its own; behind a web server it needs none"),
    /** TLS of the HTTP router, and subscriptions between servers that are signed */
    tls: option.flag(false, "TLS of the HTTP router, and subscriptions between servers that are signed"),
  },
  build: ({ inputs, options }) => sh`${pythonPhases(inputs.python3)}
phase build
printf '%s\n' '[uwsgi]' 'inherit = minimal' ${`ssl = ${options.tls}`} \
  ${`main_plugin = ${["python", ...(options.http ? ["corerouter", "http"] : [])].join(", ")}`} > buildconf/cab.ini
CPUCOUNT=$CAB_CORES python3 uwsgiconfig.py --build cab
phase install
mkdir -p "$out/bin"
cp uwsgi "$out/bin"`,
  provides: { bins: ["uwsgi"] },
});
