/** Debian's build of redis, for whom it is enough: no compiler runs. */
import { fromDebian } from "../lib/from-debian.ts";
import libjemalloc2 from "../libraries/debian/libjemalloc2.ts";
import liblzf1 from "../libraries/debian/liblzf1.ts";
import libsystemd0 from "../libraries/debian/libsystemd0.ts";
import openssl from "../libraries/openssl.ts";

const EXAMPLE = "an example in a usage text";
const ADVICE = "advice to administrators in a warning";

export default fromDebian({
  name: "redis",
  packages: ["redis-server", "redis-sentinel", "redis-tools"],
  // Not Debian's libssl3: it loads engines and providers from below /usr/lib.
  inputs: { libjemalloc2, liblzf1, libsystemd0, openssl },
  leaveOut: { "etc/redis": "configuration for a Debian host, with its state below /var/lib" },
  hostPaths: {
    "/etc/myredis.conf": EXAMPLE,
    "/etc/passwd": EXAMPLE,
    "/etc/redis/6379.conf": EXAMPLE,
    "/etc/sentinel.conf": EXAMPLE,
    "/etc/rc.local": ADVICE,
    "/etc/sysctl.conf": ADVICE,
    "/var/run/redis.pid": "the pid file of a server that is told to daemonize and not where to write one",
  },
  provides: { bins: ["redis-server", "redis-cli", "redis-sentinel", "redis-benchmark"] },
});
