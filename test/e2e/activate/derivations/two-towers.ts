import { sh } from "@cab/core";
import { serverRole } from "@cab/derivations/lib/server-role.ts";
import tower from "./tower.ts";

export default serverRole({
  name: "two-towers",
  packages: {},
  programs: [],
  includes: [tower],
  services: () => ({ top: { exec: sh`exec sleep 1000` } }),
});
