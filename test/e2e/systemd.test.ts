/**
 * The same services as units of a real systemd: its user manager, in a mount namespace of its own, with the store at /cab as on a
 * host of root's. Skipped where there is no systemd, or where we are not root.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHECKOUT, fromCache, isRoot, realise, removeFolder, temporaryFolder } from "./support.ts";

const MANAGER = "/lib/systemd/systemd";

/** What a user's session has, and the store at /cab; then the manager, the given commands, and its end. */
const IN_NAMESPACE = `set -eu
mount -t tmpfs tmpfs /run
mount --bind "$1" /cab
mkdir -p /run/systemd/system /run/user/0/systemd/user /run/home
chmod 700 /run/user/0
export XDG_RUNTIME_DIR=/run/user/0 HOME=/run/home
${MANAGER} --user --log-target=null &
trap "kill $!" EXIT
tries=0
until systemctl --user show --property Version > /dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 100 ]
  sleep 0.1
done
eval "$2"
trap - EXIT
systemctl --user exit
wait`;

const folder = temporaryFolder("systemd");
const root = join(folder, "root");
const had = existsSync("/cab");
const usable = isRoot && existsSync(MANAGER) && spawnSync("unshare", ["-m", "true"]).status === 0;

let role = "";

/** Runs shell code beside the manager; what it prints. */
const beside = (code: string): string => {
  const commands = `activate=${role}/bin/activate params=/cab/etc/tower.params\n${code}`;
  return execFileSync("unshare", ["--mount", "sh", "-c", IN_NAMESPACE, "sh", root, commands], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
};

describe.skipIf(!usable)("under systemd (needs root and an installed systemd)", () => {
  beforeAll(async () => {
    const report = await realise(["tower"], { root, cwd: join(import.meta.dirname, "activate"), args: fromCache() });
    role = report.outputs.tower?.out ?? "";
    mkdirSync(join(root, "etc/secrets"), { recursive: true });
    writeFileSync(join(root, "etc/tower.params"), "owner = me\n");
    writeFileSync(join(root, "etc/secrets/tower-key"), "abracadabra\n", { mode: 0o600 });
    if (!had) mkdirSync("/cab");
  });
  afterAll(() => {
    if (!had && usable) rmdirSync("/cab");
    removeFolder(folder);
  });

  test("services are units, restarted where something changed, brought back, and stopped", () => {
    const said = beside(`$activate --systemd user apply --params $params
systemctl --user list-units --plain --no-legend 'cab-*' | cut -d ' ' -f 1
pid=$(systemctl --user show --property MainPID --value cab-tower-top.service)
[ "$pid" -gt 1 ] && kill -9 "$pid"
until $activate status | grep -q "top.run"; do sleep 0.1; done
echo "floors = 5" >> $params
$activate apply --params $params
$activate health
$activate stop
$activate status
tail -n 1 /cab/state/tower/book/page
`);
    expect(said.trim().split("\n")).toEqual([
      ...["start\tbase", "start\ttick", "start\ttop", "ready\tbase", "ready\ttick", "ready\ttop"],
      ...["cab-tower-base.service", "cab-tower-tick.service", "cab-tower-top.service"],
      ...["restart\ttop\tits files: top/top.conf", "keep\tbase", "keep\ttick", "ready\ttop"],
      "healthy\ttower",
      ...["supervisor\tup", "service\tbase\tdown\t-\t-", "service\ttick\tdown\t-\t-", "service\ttop\tdown\t-\t-"],
      "base ends",
    ]);
  });

  test("cab switch makes generations of it, and goes back from one that is not healthy", () => {
    rmSync(join(root, "run/tower"), { recursive: true });
    const said = beside(`cd "${join(import.meta.dirname, "activate")}"
export CAB_ROOT=/cab CAB_SYSTEMD=user
cab() { "${join(CHECKOUT, "cab")}" "$@" 2> /dev/null; }
echo "owner = me" > $params
cab switch ${fromCache().join(" ")} tower
systemctl --user is-active cab-tower-top.service
echo "flag = sick" >> $params
cab switch ${fromCache().join(" ")} tower || echo "ended with $?"
cab generations --json tower
cab status > /dev/null && cab down tower
systemctl --user is-active cab-tower-top.service || true
`);
    const [first, active, back, generations, inactive] = said.trim().split("\n");
    expect([first, active, back, inactive]).toEqual([
      "tower: generation 1 is current and healthy",
      "active",
      "ended with 1",
      "inactive",
    ]);
    const standings = (JSON.parse(generations ?? "") as { number: number; standing: string; health: string }[]).map(
      ({ number, standing, health }) => `${number} ${standing} ${health}`,
    );
    expect(standings).toEqual(["1 current healthy", "2 failed unhealthy"]);
    rmSync(join(root, "var/profiles/tower"), { recursive: true });
  });

  test("the current generation comes back with the host, by one unit that systemd finds nothing wrong with", () => {
    const profile = join(root, "var/profiles/tower");
    mkdirSync(profile, { recursive: true });
    execFileSync("ln", ["-sfn", `../../../store/${role.slice("/cab/store/".length)}`, join(profile, "generation-1")]);
    execFileSync("ln", ["-sfn", "generation-1", join(profile, "current")]);
    writeFileSync(join(profile, "generation-1.params"), "owner = me\n");
    const said = beside(`$activate --systemd user apply --params $params > /dev/null
systemd-analyze verify --user $HOME/.config/systemd/user/cab-tower.service
$activate stop
systemctl --user daemon-reload
systemctl --user start cab-tower.service
$activate status | cut -f 1-3
systemctl --user stop cab-tower.service
$activate status | cut -f 1-3
`);
    const services = ["base", "tick", "top"];
    expect(said.trim().split("\n")).toEqual([
      ...["supervisor\tup", ...services.map((name) => `service\t${name}\trun`)],
      ...["supervisor\tup", ...services.map((name) => `service\t${name}\tdown`)],
    ]);
  });
});
