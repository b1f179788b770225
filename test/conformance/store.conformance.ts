/**
 * What every store must do, in terms of its port alone. Outputs are plain files, the one content that the store in memory
 * has too, so both must give the same paths.
 */
import {
  type Admission,
  baseName,
  drvHash,
  hashPart,
  type ObjectInfo,
  type OutputSpec,
  predictedPath,
  type RealisationKey,
  type ResolvedDerivation,
  realisationKey,
  type Scratch,
  type StorePath,
  type StorePort,
  scratchFile,
  scratchPath,
  sha256Hex,
} from "@cab/core";
import { plainDerivation } from "@cab/core/testing";
import type { Either } from "fp-ts/lib/Either.js";
import { describe, expect, test } from "vitest";

/** A store under test, and how a builder writes and a reader reads in it. */
export interface StoreUnderTest {
  readonly store: StorePort;
  readonly write: (file: string, content: string) => void;
  readonly read: (path: StorePath) => string;
}

const CONTENT_ADDRESSED: OutputSpec = { _tag: "ContentAddressed" };

const derivation = (name: string, outputs: Record<string, OutputSpec>, args: string[] = []): ResolvedDerivation =>
  plainDerivation({ name, outputs, args });

const plain = (name: string, args?: string[]): ResolvedDerivation => derivation(name, { out: CONTENT_ADDRESSED }, args);

function right<A>(either: Either<unknown, A>): A {
  if (either._tag === "Left") throw new Error(JSON.stringify(either.left));
  return either.right;
}

type Contents = Readonly<Record<string, string>>;
type Extra = Partial<Pick<Admission, "inputs" | "derivers" | "seconds">>;

async function admit(
  { store, write }: StoreUnderTest,
  drv: ResolvedDerivation,
  contents: Contents,
  extra: Extra = {},
): Promise<Awaited<ReturnType<ReturnType<StorePort["admitOutputs"]>>>> {
  const scratch: Scratch = right(await store.openScratch(drv.name)());
  for (const output of Object.keys(contents)) {
    write(scratchFile(scratch, baseName(scratchPath(drv.name, output))), contents[output] as string);
  }
  const admission = { scratch, drv, drvHash: drvHash(drv), inputs: [], derivers: [], seconds: 1, ...extra };
  const admitted = await store.admitOutputs(admission)();
  right(await store.discardScratch(scratch)());
  return admitted;
}

async function admitOne(
  of: StoreUnderTest,
  name: string,
  content: string,
  inputs: StorePath[] = [],
): Promise<StorePath> {
  return right(await admit(of, plain(name), { out: content }, { inputs })).out as StorePath;
}

async function substitute({ store, write }: StoreUnderTest, info: ObjectInfo, content: string) {
  const scratch = right(await store.openScratch("substitute")());
  const file = scratchFile(scratch, baseName(info.path));
  write(file, content);
  const admitted = await store.admitObject(scratch, file, info)();
  right(await store.discardScratch(scratch)());
  return admitted;
}

export function storeConformance(name: string, make: () => StoreUnderTest): void {
  describe(`a store ${name}`, () => {
    test("knows nothing at first", () => {
      const { store } = make();
      const path = scratchPath("nothing-1", "out");
      const key = realisationKey(plain("nothing-1"), drvHash(plain("nothing-1")), "out");
      expect([store.object(path), store.realisation(key), store.buildSeconds("nothing-1")]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    test("gives an output its pinned path", async () => {
      expect(await admitOne(make(), "pinned-1", "text\n")).toBe("/cab/store/n159nr84k6rwly50gmq7wjbssc5akgl8-pinned-1");
    });

    test("writes the final path where the bytes named the scratch path", async () => {
      const of = make();
      const path = await admitOne(of, "self-1", `I am ${scratchPath("self-1", "out")}!`);
      expect(of.read(path)).toBe(`I am ${path}!`);
      const info = of.store.object(path) as ObjectInfo;
      expect([info.digest, info.size, info.references]).toEqual([sha256Hex(of.read(path)), of.read(path).length, []]);
      expect(info.selfDigest).toMatch(/^[0-9a-f]{64}$/);
    });

    test("another derivation with the same bytes is the same object", async () => {
      const of = make();
      const [first, second] = [plain("same-1", ["a"]), plain("same-1", ["b"])];
      const paths = [await admit(of, first, { out: "x" }), await admit(of, second, { out: "x" })];
      expect(paths[1]).toEqual(paths[0]);
      const keys = [first, second].map((drv) => realisationKey(drv, drvHash(drv), "out"));
      const { out } = right(paths[0] as (typeof paths)[1]);
      expect(keys.map((key) => of.store.realisation(key))).toEqual([out, out]);
    });

    test("records references to inputs, and to them only", async () => {
      const of = make();
      const used = await admitOne(of, "used-1", "used");
      const unused = await admitOne(of, "unused-1", "unused");
      const foreign = await admitOne(of, "foreign-1", "foreign");
      const path = await admitOne(of, "user-1", `${used} ${foreign}`, [used, unused]);
      expect(of.store.object(path)?.references).toEqual([used]);
    });

    test("names outputs after those that they refer to", async () => {
      const of = make();
      const drv = derivation("multi-1", { out: CONTENT_ADDRESSED, doc: CONTENT_ADDRESSED });
      const contents = { out: `see ${scratchPath("multi-1", "doc")}`, doc: "page" };
      const { out, doc } = right(await admit(of, drv, contents)) as Record<"out" | "doc", StorePath>;
      expect([of.read(out), of.store.object(out)?.references]).toEqual([`see ${doc}`, [doc]]);
    });

    test("records a build under its derivers too, and how long it took", async () => {
      const of = make();
      const deriver = drvHash(plain("deriver-1"));
      const paths = right(await admit(of, plain("took-1"), { out: "x" }, { derivers: [deriver], seconds: 3.5 }));
      expect(of.store.realisation(realisationKey(plain("took-1"), deriver, "out"))).toBe(paths.out);
      expect(of.store.buildSeconds("took-1")).toBe(3.5);
    });

    test("a fixed output has the path that its promise predicts", async () => {
      const of = make();
      const drv = derivation("fixed-1", {
        out: { _tag: "FixedOutput", algo: "sha256", digest: sha256Hex("bytes"), mode: "flat" },
      });
      const paths = right(await admit(of, drv, { out: "bytes" }));
      expect(paths.out).toBe(predictedPath(drv, "out"));
      expect(of.store.realisation(realisationKey(drv, drvHash(drv), "out"))).toBe(paths.out);
    });

    test.each<[string, Record<string, OutputSpec>, Contents, object]>([
      [
        "a missing output",
        { out: CONTENT_ADDRESSED, doc: CONTENT_ADDRESSED },
        { out: "x" },
        { _tag: "OutputMissing", outputs: ["doc"] },
      ],
      [
        "other bytes than the promised ones",
        { out: { _tag: "FixedOutput", algo: "sha256", digest: sha256Hex("a"), mode: "flat" } },
        { out: "b" },
        { _tag: "DigestMismatch", algo: "sha256", expected: sha256Hex("a"), actual: sha256Hex("b"), bytes: 1 },
      ],
      [
        "a circle of outputs",
        { out: CONTENT_ADDRESSED, doc: CONTENT_ADDRESSED },
        { out: scratchPath("refused-1", "doc"), doc: scratchPath("refused-1", "out") },
        { _tag: "OutputCycle" },
      ],
    ])("refuses %s, and registers nothing", async (_, outputs, contents, failure) => {
      const of = make();
      const drv = derivation("refused-1", outputs);
      const refused = await admit(of, drv, contents);
      expect(refused).toMatchObject({ _tag: "Left", left: failure });
      const keys = Object.keys(outputs).map((output) => realisationKey(drv, drvHash(drv), output));
      expect(keys.map((key) => of.store.realisation(key)).filter((path) => path !== undefined)).toEqual([]);
    });

    test("admits a substitute whose bytes give its name", async () => {
      const from = make();
      const to = make();
      const input = await admitOne(from, "input-1", "input");
      const object = await admitOne(from, "object-1", `${scratchPath("object-1", "out")} ${input}`, [input]);
      for (const path of [input, object]) {
        const info = from.store.object(path) as ObjectInfo;
        expect(right(await substitute(to, info, from.read(path))).path).toBe(path);
        expect({ ...to.store.object(path), deriver: info.deriver }).toEqual(info);
      }
      expect(to.read(object)).toBe(from.read(object));
    });

    test("rejects a substitute with other bytes, or without its references", async () => {
      const from = make();
      const input = await admitOne(from, "input-1", "input");
      const object = await admitOne(from, "object-1", `uses ${hashPart(input)}`, [input]);
      for (const [path, content] of [
        [input, "inpux"],
        [object, from.read(object)],
      ] as const) {
        const to = make();
        const refused = await substitute(to, from.store.object(path) as ObjectInfo, content);
        expect(refused).toMatchObject({ _tag: "Left", left: { _tag: "SubstituteRejected", path } });
        expect(to.store.object(path)).toBeUndefined();
      }
    });

    test("keeps what is recorded, whether or not the object is here", async () => {
      const { store } = make();
      const key = realisationKey(plain("known-1"), drvHash(plain("known-1")), "out");
      const path = scratchPath("known-1", "out");
      right(await store.record([{ key, path }])());
      expect([store.realisation(key), store.object(path)]).toEqual([path, undefined]);
      expect(store.realisation(`${key}x` as RealisationKey)).toBeUndefined();
    });

    test("keeps valid objects, and says which of those wanted are none", async () => {
      const of = make();
      const path = await admitOne(of, "kept-1", "kept");
      const gone = scratchPath("gone-1", "out");
      expect(right(await of.store.keep([path, gone])())).toEqual([gone]);
      expect(right(await of.store.keep([path])())).toEqual([]);
    });

    test("a claim is one's own until it is released", async () => {
      const { store } = make();
      const drv = drvHash(plain("claimed-1"));
      const first = right(await store.claim(drv)());
      const second = right(await store.claim(drv)());
      expect([first._tag, second._tag]).toEqual(["Ours", "Theirs"]);
      if (first._tag === "Ours") await first.release();
      if (second._tag === "Theirs") await second.ended;
      expect(right(await store.claim(drv)())._tag).toBe("Ours");
    });
  });
}
