/** Two services that only write down what happens to them, a task before them and a timer beside them. */
import { argv, content, param, secret, sh, when } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import busybox from "@cab/derivations/libraries/busybox.ts";

export default serverRole({
  name: "tower",
  packages: { busybox },
  programs: [],
  params: {
    greeting: param.string({ default: "hello", pattern: "[a-z ]+" }),
    floors: param.integer({ default: 3, min: 1, max: 9 }),
    port: param.port({ default: 8080 }),
    other: param.port({ default: 8081 }),
    owner: param.string(),
    flag: param.optional.string(),
  },
  secrets: { key: secret("tower-key") },
  state: {
    book: () => ({
      format: "book-1",
      converts: "text",
      backup: sh`cat /cab/state/tower/book/page`,
      restore: sh`cat > "$CAB_STATE/page"`,
    }),
  },
  files: ({ params }) => ({
    "base.conf": content`greeting=${params.greeting}
owner=${params.owner}
${when(params.flag, (flag) => content`flag=${flag}`)}
`,
    "top/top.conf": content`floors=${params.floors}
`,
  }),
  tasks: ({ run, secrets }) => ({
    seal: { exec: sh`sha256sum < ${secrets.key} > ${run}/seal` },
  }),
  services: ({ etc, run, state }) => ({
    base: {
      exec: sh`page=${state.book}/page
trap 'echo base ends >> "$page"; exit 0' TERM
echo "base begins with" $(head -n 1 ${etc}/base.conf) >> "$page"
touch ${run}/base
while :; do sleep 0.1; done`,
      after: ["seal"],
      ready: argv`test -e ${run}/base`,
    },
    top: {
      exec: sh`page=${state.book}/page
trap 'echo top ends >> "$page"; exit 0' TERM
echo "top begins with" $(cat ${etc}/top/top.conf) >> "$page"
while :; do sleep 0.1; done`,
      after: ["base"],
    },
  }),
  timers: ({ run }) => ({ tick: { exec: sh`echo tick >> ${run}/ticks`, everySeconds: 1 } }),
  health: ({ etc }) => sh`! grep -q "^flag=sick" ${etc}/base.conf`,
  healthSeconds: 5,
});
