import { sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";

export default serverRole({
  name: "waits-for-itself",
  packages: {},
  programs: [],
  services: () => ({
    first: { exec: sh`exec sleep 1000`, after: ["second"] },
    second: { exec: sh`exec sleep 1000`, after: ["first"] },
  }),
});
