import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compareDebianVersions } from "./debian-version.ts";

/** Each list from early to late, as Debian Policy and deb-version(7) have it. */
test.each([
  [["~~", "~~a", "~", "", "a"].map((suffix) => `1.0${suffix}`)],
  [["1.0~beta1~svn1245", "1.0~beta1", "1.0"]],
  [["0.9", "0.10", "1.0", "1.0-1", "1.0-2", "1.0.1-1", "1.1", "1.1a", "1.1b", "1.1+dfsg", "1.1.1", "2", "10"]],
  [["1.2.13.dfsg-1", "1.3.dfsg+really1.3.1-1"]],
  [["9", "1:0.1", "1:0.2", "2:0"]],
  [["1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-1.1", "1.0-2~bpo", "1.0-2"]],
  [["1.1", "1.a", "1.b", "1.z", "1.za", "1.+"]],
  [["2.1~rc1-1", "2.1-1-1"]],
  [["20090101", "20240101", "99999999999999999999999999", "100000000000000000000000000"]],
])("%j", (ascending) => {
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      expect([a, b, Math.sign(compareDebianVersions(a, b))]).toEqual([a, b, Math.sign(i - j)]);
    }
  }
});

test.each([
  ["1.0", "0:1.0"],
  ["1.0", "1.0-0"],
  ["1.0", "1.00"],
  ["1.0", "1.0"],
  ["1.", "1.0"],
])("%s and %s are the same", (a, b) => {
  expect(compareDebianVersions(a, b)).toBe(0);
});

const hasDpkg = spawnSync("dpkg", ["--version"]).status === 0;

test.skipIf(!hasDpkg)("dpkg has the same order (needs the host's dpkg)", () => {
  const part = fc.string({ unit: fc.constantFrom(..."019.+~aZ"), maxLength: 6 });
  const version = fc
    .tuple(fc.constantFrom("", "0:", "1:"), part, fc.constantFrom("", "-"), part)
    .map(([epoch, upstream, dash, revision]) => `${epoch}0${upstream}${dash}${dash === "" ? "" : `0${revision}`}`);
  fc.assert(
    fc.property(version, version, (a, b) => {
      const isEarlier = spawnSync("dpkg", ["--compare-versions", a, "lt", b]).status === 0;
      const isLater = spawnSync("dpkg", ["--compare-versions", a, "gt", b]).status === 0;
      expect(Math.sign(compareDebianVersions(a, b))).toBe(isEarlier ? -1 : isLater ? 1 : 0);
    }),
    { numRuns: 200 },
  );
});
