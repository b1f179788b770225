import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "./bytes.ts";
import { type ContentAddress, contentAddressedPath, selfReferenceDigest } from "./object.ts";
import { sha256Hex } from "./sha256.ts";
import { storePath } from "./store-path.ts";

const [glibc, zlib] = [storePath("glibc", "glibc"), storePath("zlib", "zlib")];
const address: ContentAddress = {
  kind: "dir",
  namingDigest: "0".repeat(64),
  references: [zlib, glibc],
  selfReferences: [],
  name: "app-1.0",
};

describe("a content-addressed path", () => {
  test("is the hash of kind, digest, references and name, as DESIGN writes it", () => {
    const references = [glibc, zlib].sort().join(",");
    expect(contentAddressedPath(address)).toBe(storePath(`cab:dir:${"0".repeat(64)}:${references}:app-1.0`, "app-1.0"));
    const selfReferences = [{ path: utf8("bin/app"), offset: 17 }];
    expect(contentAddressedPath({ ...address, selfReferences })).toBe(
      storePath(`cab:dir:${"0".repeat(64)}:${references},self:${sha256Hex("l1:l2:7:bin/app2:17")}:app-1.0`, "app-1.0"),
    );
  });

  test("does not depend on the order of the references, or on one named twice", () => {
    expect(contentAddressedPath({ ...address, references: [glibc, zlib, glibc] })).toBe(contentAddressedPath(address));
  });

  test("differs where anything else differs", () => {
    const others: Partial<ContentAddress>[] = [
      { kind: "file" },
      { kind: "exec" },
      { kind: "symlink" },
      { namingDigest: "1".repeat(64) },
      { references: [zlib] },
      { references: [] },
      { name: "app-1.1" },
      { selfReferences: [{ path: utf8(""), offset: 0 }] },
      { selfReferences: [{ path: utf8(""), offset: 1 }] },
    ];
    const paths = [{}, ...others].map((other) => contentAddressedPath({ ...address, ...other }));
    expect(new Set(paths).size).toBe(paths.length);
  });
});

test("a digest of self-references tells every list from every other", () => {
  const list = fc.array(fc.record({ path: fc.uint8Array({ maxLength: 4 }), offset: fc.nat(20) }), { maxLength: 3 });
  const spelt = (of: typeof list extends fc.Arbitrary<infer A> ? A : never): string =>
    of.map(({ path, offset }) => `${path.join()}@${offset}`).join(";");
  fc.assert(
    fc.property(list, list, (a, b) => {
      expect(selfReferenceDigest(a) === selfReferenceDigest(b)).toBe(spelt(a) === spelt(b));
    }),
  );
});
