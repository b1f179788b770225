import { argv, content, param } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import redis from "@cab/derivations/servers/redis.ts";

/** A cache in memory on 127.0.0.1: redis, and what a host may say of it in etc/hello-cache.params. */
export default serverRole({
  name: "hello-cache",
  packages: { redis },
  programs: ["redis"],
  params: {
    port: param.port({ default: 6379 }),
    memory: param.string({ default: "64mb", pattern: "[0-9]+[kmg]b", description: "how much it may hold" }),
  },
  files: ({ params, run }) => ({
    "redis.conf": content`bind 127.0.0.1
port ${params.port}
dir ${run}
maxmemory ${params.memory}
maxmemory-policy allkeys-lru
save ""
`,
  }),
  services: ({ redis, etc }) => ({ redis: { exec: argv`${redis}/bin/redis-server ${etc}/redis.conf` } }),
  health: ({ redis, params }) => argv`${redis}/bin/redis-cli -p ${params.port} ping`,
});
