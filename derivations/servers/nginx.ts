import { debianSource, option, sh } from "@cab/core";
import { autotools } from "../lib/autotools.ts";
import libxcrypt from "../libraries/libxcrypt.ts";
import openssl from "../libraries/openssl.ts";
import pcre2 from "../libraries/pcre2.ts";
import zlib from "../libraries/zlib.ts";

const STATE = "/cab/state/nginx";
const RUN = "/cab/run/nginx";

export default autotools({
  name: "nginx",
  version: "1.22.1",
  source: ({ version }) => debianSource({ package: "nginx", file: `nginx_${version}.orig.tar.gz` }),
  outputs: [],
  inputs: { libxcrypt, openssl, pcre2, zlib },
  options: {
    /** listening and proxying with TLS */
    tls: option.flag(true, "listening and proxying with TLS"),
    /** HTTP/2 to clients */
    http2: option.flag(true, "HTTP/2 to clients"),
    /** proxying TCP and UDP */
    stream: option.flag(true, "proxying TCP and UDP"),
    /** passing requests on by FastCGI */
    fastcgi: option.flag(true, "passing requests on by FastCGI"),
    /** passing requests on by SCGI */
    scgi: option.flag(false, "passing requests on by SCGI"),
    /** passing requests on by uwsgi */
    uwsgi: option.flag(true, "passing requests on by uwsgi"),
  },
  configure: ({ options, out }) => [
    `--sbin-path=${out}/bin/nginx`,
    `--conf-path=${out}/etc/nginx/nginx.conf`,
    `--error-log-path=${STATE}/error.log`,
    `--http-log-path=${STATE}/access.log`,
    `--pid-path=${RUN}/nginx.pid`,
    `--lock-path=${RUN}/nginx.lock`,
    ...["client-body", "proxy", "fastcgi", "uwsgi", "scgi"].map((of) => `--http-${of}-temp-path=${RUN}/${of}`),
    "--with-pcre-jit",
    "--with-threads",
    "--with-http_gzip_static_module",
    "--with-http_realip_module",
    "--with-http_stub_status_module",
    options.tls && "--with-http_ssl_module",
    options.http2 && "--with-http_v2_module",
    options.stream && "--with-stream",
    options.stream && options.tls && "--with-stream_ssl_module",
    !options.fastcgi && "--without-http_fastcgi_module",
    !options.scgi && "--without-http_scgi_module",
    !options.uwsgi && "--without-http_uwsgi_module",
  ],
  // Not straight to $out: it would also make the directories of state and logs, which only a running server has.
  install: () => ["DESTDIR=/build/installed"],
  finish: sh`mv -T "/build/installed$out" "$out"
rm "$out"/etc/nginx/*.default`,
  provides: { bins: ["nginx"] },
});
