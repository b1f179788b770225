/** One service that misbehaves as its instance says. */
import { param, sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";

export default serverRole({
  name: "misbehaving",
  packages: {},
  programs: [],
  params: { how: param.string() },
  services: ({ params, run }) => ({
    wild: {
      exec: sh`case ${params.how} in
  at-once) echo "no configuration"; exit 3 ;;
  stubborn) trap "" TERM ;;
esac
: > ${run}/began
while :; do sleep 0.1; done`,
      ready: sh`[ ${params.how} != never-ready ]; [ -e ${run}/began ]`,
      readySeconds: 6,
      stopSeconds: 1,
    },
  }),
});
