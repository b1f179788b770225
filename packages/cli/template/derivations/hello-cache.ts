import { local, sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import busybox from "@cab/derivations/libraries/busybox.ts";
import redis from "@cab/derivations/servers/redis.ts";

/** A cache on 127.0.0.1:6379: redis, its configuration and a start script. */
export default serverRole({
  name: "hello-cache",
  packages: { redis, busybox },
  programs: ["redis"],
  source: local(import.meta, "./hello-cache"),
  install: sh`mkdir "$out/etc"
cp "$src/redis.conf" "$out/etc"
sed -e "s|@out@|$out|; s|@redis@|$redis|; s|@busybox@|$busybox|" "$src/start.sh" > "$out/bin/hello-cache"
chmod +x "$out/bin/hello-cache"`,
});
