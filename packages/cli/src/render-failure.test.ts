import type { BuildFailure, DrvHash, StorePath } from "@cab/core";
import { expect, test } from "vitest";
import { renderDerivationFailure, renderStoreFailure } from "./render-failure.ts";

const drv = "d".repeat(64) as DrvHash;
const rendered = (cause: BuildFailure): string =>
  renderDerivationFailure(
    { _tag: "DerivationFailed", drv, name: "zlib-1.2.13", cause, wantedBy: ["zlib-1.2.13"] },
    { lines: [], file: undefined },
  );

test("a failed builder comes with the end of its log, where it lies, and who needs it", () => {
  const failure = {
    _tag: "DerivationFailed",
    drv,
    name: "zlib-1.2.13",
    cause: { _tag: "BuilderExited", code: 1, signal: null, hint: "look closer" },
    wantedBy: ["ldap-server", "openssl-3.0.20", "zlib-1.2.13"],
  } as const;
  expect(renderDerivationFailure(failure, { lines: ["cc: no", "make: stop"], file: "/cab/var/log/x.zst" })).toBe(
    `error: zlib-1.2.13: the builder exited with code 1
  look closer
  its last lines:
    | cc: no
    | make: stop
  the whole log: /cab/var/log/x.zst
  needed by: ldap-server → openssl-3.0.20 → zlib-1.2.13
`,
  );
});

test.each<[BuildFailure, string]>([
  [{ _tag: "BuilderTimedOut", seconds: 5 }, "--timeout"],
  [{ _tag: "BuilderSilent", seconds: 5 }, "--silence"],
  [{ _tag: "DigestMismatch", url: "http://x/y", algo: "sha256", expected: "aa", actual: "bb", bytes: 3 }, "cab lock"],
  [{ _tag: "NoDebianMirror", url: "mirror://debian/x" }, "CAB_DEBIAN_MIRROR"],
  [{ _tag: "SandboxForbidden", reason: "no", remedy: "sysctl -w x=1" }, "sysctl -w x=1"],
  [{ _tag: "IoFailed", operation: "unpack", code: "ENOSPC", message: "full" }, "CAB_ROOT"],
  [{ _tag: "LocalSourceChanged", file: "a.conf", reason: "it is gone" }, "run the command again"],
  [{ _tag: "OutputCycle", cycle: ["out", "dev", "out"] }, "out → dev → out"],
])("%o says what to do", (cause, remedy) => {
  expect(rendered(cause)).toContain(remedy);
});

test("every fault of an output is listed, with file and remedy", () => {
  const fault = (file: string) => ({ output: "out", file, found: "a fifo", remedy: "delete it" });
  expect(rendered({ _tag: "BadOutput", faults: [fault("a"), fault("b")] })).toBe(
    `error: zlib-1.2.13: what was built cannot enter the store:
    out/a: a fifo; delete it
    out/b: a fifo; delete it
`,
  );
});

test("a rebuild with other bytes shows both paths", () => {
  const cause = {
    _tag: "NonReproducible",
    output: "out",
    expected: "/cab/store/a" as StorePath,
    actual: "/cab/store/b" as StorePath,
  } as const;
  const text = renderDerivationFailure(
    { _tag: "DerivationFailed", drv, name: "x", cause, wantedBy: ["x"] },
    { lines: [], file: undefined },
  );
  expect(text).toMatch(/expected: \/cab\/store\/a\n {2}built: {4}\/cab\/store\/b/);
});

test("a store of a newer cab and one that refuses are explained", () => {
  expect(renderStoreFailure({ _tag: "StoreTooNew", root: "/cab", found: 2, supported: 1 })).toContain("has format 2");
  const full = {
    _tag: "StoreIo",
    operation: "sync",
    file: "/cab/x",
    code: "ENOSPC",
    message: "no space left",
  } as const;
  expect(renderStoreFailure(full)).toContain("the disk is full");
});
