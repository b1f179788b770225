import { debianSource, option } from "@cab/core";
import { make } from "../lib/make.ts";
import openssl from "../libraries/openssl.ts";
import redisDebian from "./redis-debian.ts";

export default make({
  name: "redis",
  version: "7.0.15",
  source: ({ version }) => debianSource({ package: "redis", file: `redis_${version}.orig.tar.gz` }),
  outputs: [],
  inputs: { openssl },
  options: {
    /** connections over TLS */
    tls: option.flag(true, "connections over TLS"),
  },
  // Variables rather than arguments: building and installing must agree on them, or everything is compiled twice.
  env: ({ options, out }) => ({
    PREFIX: out,
    USE_JEMALLOC: "no",
    USE_SYSTEMD: "no",
    BUILD_TLS: options.tls ? "yes" : "no",
  }),
  distribution: () => redisDebian,
  provides: { bins: ["redis-server", "redis-cli", "redis-sentinel", "redis-benchmark"] },
});
