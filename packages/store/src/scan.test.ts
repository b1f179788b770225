import { BASE32_ALPHABET } from "@cab/core";
import * as fc from "fast-check";
import { assert, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { createScanner, type Found, type Targets } from "./scan.ts";

const hash = (seed: number): string => {
  let text = "";
  let state = seed;
  for (let i = 0; i < 32; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    text += BASE32_ALPHABET[(state >>> 16) & 31];
  }
  return text;
};

const HASHES = [1, 2, 3, 4].map(hash) as [string, string, string, string];

function scanned(targets: Targets, chunks: readonly string[]): Found {
  const scanner = createScanner(targets);
  for (const chunk of chunks) scanner.update(Buffer.from(chunk, "latin1"));
  return scanner.finish();
}

/** What the scanner must find, by search alone. */
function searched({ candidates, located, fragments }: Targets, text: string): Found {
  const occurrences: { hash: string; offset: number }[] = [];
  const pieces: { hash: string; offset: number }[] = [];
  let wholeEnd = 0;
  let pieceEnd = -1;
  for (let at = 0; at < text.length; at++) {
    const whole = located.find((hash) => text.startsWith(hash, at));
    if (whole !== undefined) {
      occurrences.push({ hash: whole, offset: at });
      wholeEnd = at + 32;
    }
    const eight = text.slice(at, at + 8);
    const piece = fragments && eight.length === 8 ? located.find((hash) => hash.includes(eight)) : undefined;
    if (piece === undefined || at + 8 <= wholeEnd) continue;
    if (at > pieceEnd) pieces.push({ hash: piece, offset: at });
    pieceEnd = at + 8;
  }
  const references = new Set([...candidates].filter((hash) => !located.includes(hash) && text.includes(hash)));
  return { references, occurrences, fragments: pieces };
}

/** Text in which whole hashes, pieces of them, base 32 and everything else stand side by side. */
const word = fc.oneof(
  fc.constantFrom(...HASHES),
  fc
    .tuple(fc.constantFrom(...HASHES), fc.nat(31), fc.nat(32))
    .map(([text, from, length]) => text.slice(from, from + length)),
  fc.string({ unit: fc.constantFrom(...BASE32_ALPHABET), maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("e", "/", "-", "\n", "\xff"), maxLength: 40 }),
);
const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(""));

const chunked = (whole: string, cuts: readonly number[]): string[] => {
  const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => whole.slice(from, at[i] ?? whole.length));
};

describe("scanning", () => {
  test("finds what a search finds, wherever the stream is cut", () => {
    const cuts = fc.array(fc.nat(400), { maxLength: 8 });
    assert(
      property(text, cuts, fc.boolean(), (whole, at, fragments) => {
        const targets = { candidates: HASHES.slice(0, 3), located: HASHES.slice(2), fragments };
        const found = searched(targets, whole);
        expect(scanned(targets, chunked(whole, at))).toEqual(found);
        expect(createScanner(targets).scan(Buffer.from(whole, "latin1"))).toEqual(found);
      }),
      { numRuns: 2_000 },
    );
  });

  test("starts afresh with each stream", () => {
    const [own] = HASHES;
    const scanner = createScanner({ candidates: [], located: [own], fragments: true });
    scanner.update(Buffer.from(`ee${own.slice(0, 16)}`));
    scanner.finish();
    scanner.update(Buffer.from(own.slice(16)));
    expect(scanner.finish().occurrences).toEqual([]);
    scanner.update(Buffer.from(own));
    expect(scanner.finish()).toEqual({
      references: new Set(),
      occurrences: [{ hash: own, offset: 0 }],
      fragments: [],
    });
  });

  test("names a hash that was split into immediates as fragments", () => {
    const [own] = HASHES;
    const split = `${own.slice(5, 13)}\xc7\x84$${own.slice(13, 21)}`;
    expect(scanned({ candidates: [], located: [own], fragments: true }, [split]).fragments).toEqual([
      { hash: own, offset: 0 },
      { hash: own, offset: 11 },
    ]);
  });
});
