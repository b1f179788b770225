/**
 * A root and the sandbox's tools in one tree, for tests: real Debian packages, fetched and unpacked by the builtins from
 * the mirror that this host's apt is configured with. Kept between runs under a name that follows from the pins.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import type { StorePath } from "@cab/core";
import { fixedOutput, rig } from "./rig.ts";

/** bubblewrap and what the sandbox uses beside it, and a shell for builders. */
const PACKAGES = [
  ...["bubblewrap", "libcap2", "libselinux1", "libpcre2-8-0", "libc6", "coreutils", "libacl1", "libattr1", "libgmp10"],
  ...["util-linux", "libsmartcols1", "libcap-ng0", "bash", "libtinfo6"],
];

interface Pin {
  readonly url: string;
  readonly size: number;
  readonly sha256: string;
}

/** As the shipped recipes pin them. */
function sandboxPins(): Pin[] {
  const pins = JSON.parse(readFileSync(new URL("../../../../derivations/cab.lock", import.meta.url), "utf8")) as {
    readonly [key: string]: Pin;
  };
  return PACKAGES.map((name) => pins[`debian:bookworm/amd64/${name}`] as Pin);
}

/** Where the tree lies, readable by every user; undefined if there is no mirror to fetch it from. */
export async function sandboxTree(): Promise<string | undefined> {
  const pins = sandboxPins();
  const id = createHash("sha256").update(JSON.stringify(pins)).digest("hex").slice(0, 16);
  const place = `${tmpdir()}/cab-test-sandbox-${process.getuid?.()}-${id}`;
  if (existsSync(place)) return place;
  const { build, input, close } = rig({ env: process.env, aptDir: "/etc/apt" });
  try {
    const sources: StorePath[] = [];
    for (const { url, size, sha256 } of pins) {
      const env = { urls: JSON.stringify([url]), size: String(size) };
      const fetched = await build({ builder: "builtin:fetch@1", env, outputs: fixedOutput("sha256", sha256) });
      if (fetched._tag === "Left" && fetched.left._tag === "NoDebianMirror") return undefined;
      if (fetched._tag === "Left") throw new Error(JSON.stringify(fetched.left));
      sources.push(input("deb", fetched.right));
    }
    const env = { sources: JSON.stringify(sources), mergeUsr: "1", exclude: '["usr/share", "var", "usr/bin/su"]' };
    const unpacked = await build({ builder: "builtin:unpack@1", env });
    if (unpacked._tag === "Left") throw new Error(JSON.stringify(unpacked.left));
    for (const mountPoint of ["proc", "dev", "tmp", "build", "cab/store"]) {
      mkdirSync(`${unpacked.right}/${mountPoint}`, { recursive: true });
    }
    try {
      renameSync(unpacked.right, place);
    } catch (error) {
      // Another test process was quicker.
      if (!existsSync(place)) throw error;
    }
    return place;
  } finally {
    await close();
  }
}
