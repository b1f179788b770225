import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectInfo } from "./object.ts";
import { decodeObjectInfo, encodeObjectInfo, skimObjectRecord } from "./object-record.ts";
import { hashPart, STORE_DIR, type StorePath } from "./store-path.ts";
import { anyObjectInfo } from "./testing/arbitrary.ts";

test("a record that is skimmed says what it says decoded", () =>
  fc.assert(
    fc.property(anyObjectInfo, (info) => {
      const record = encodeObjectInfo(info);
      expect(decodeObjectInfo(record, info.path)).toEqual(info);
      const skim = skimObjectRecord(record);
      const at = (offset: number | undefined, length: number): string | null =>
        offset === undefined ? null : Buffer.from(record).toString("latin1", offset, offset + length);
      expect({
        hash: at(skim?.hash, 32),
        references: skim?.references.map((offset) => at(offset, 32)),
        digest: at(skim?.digest, 64),
        isDirectory: skim?.isDirectory,
        deriver: at(skim?.deriver, 64),
      }).toEqual({
        hash: hashPart(info.path),
        references: info.references.map(hashPart),
        digest: info.digest,
        isDirectory: info.kind === "dir",
        deriver: info.deriver,
      });
    }),
  ));

test("bytes that were cut off, or have something behind them, are no record", () => {
  const info: ObjectInfo = {
    path: `${STORE_DIR}/${"0".repeat(32)}-zlib` as StorePath,
    kind: "dir",
    digest: "1".repeat(64),
    namingDigest: "2".repeat(64),
    selfDigest: null,
    size: 1,
    references: [`${STORE_DIR}/${"1".repeat(32)}-libc` as StorePath],
    deriver: "3".repeat(64),
  };
  const record = encodeObjectInfo(info);
  for (let length = 0; length < record.length; length++) {
    expect(skimObjectRecord(record.subarray(0, length))).toBeUndefined();
  }
  expect(skimObjectRecord(Buffer.concat([record, Buffer.from("x")]))).toBeUndefined();
});
