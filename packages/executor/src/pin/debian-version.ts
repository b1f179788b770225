/**
 * The order of Debian's version numbers. Knows nothing of packages.
 *
 * Source: Debian Policy 5.6.12, and deb-version(7).
 */

/** Negative if `a` is the earlier one, zero where they mean the same, as 1.0 and 1.00 do. */
export function compareDebianVersions(a: string, b: string): number {
  const [one, other] = [parts(a), parts(b)];
  return (
    compareNumbers(one.epoch, other.epoch) ||
    comparePart(one.upstream, other.upstream) ||
    comparePart(one.revision, other.revision)
  );
}

/** `[epoch:]upstream[-revision]`; a missing revision is the same as 0. */
function parts(version: string): { epoch: string; upstream: string; revision: string } {
  const [, epoch = "0", rest = ""] = /^(?:(\d+):)?(.*)$/s.exec(version) ?? [];
  const dash = rest.lastIndexOf("-");
  return dash === -1
    ? { epoch, upstream: rest, revision: "" }
    : { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

/** Runs of non-digits and of digits in turn, each run compared in its own way. */
function comparePart(a: string, b: string): number {
  const [ones, others] = [runs(a), runs(b)];
  for (let i = 0; i < Math.max(ones.length, others.length); i++) {
    const [letters = "", digits = ""] = ones[i] ?? [];
    const [otherLetters = "", otherDigits = ""] = others[i] ?? [];
    const order = compareLetters(letters, otherLetters) || compareNumbers(digits, otherDigits);
    if (order !== 0) return order;
  }
  return 0;
}

const runs = (part: string): (readonly [letters: string, digits: string])[] =>
  [...part.matchAll(/(\D*)(\d*)/g)].map(([, letters = "", digits = ""]) => [letters, digits]);

function compareLetters(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = weight(a[i]) - weight(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

/** A tilde comes before the end, which comes before letters, which come before everything else. */
function weight(character: string | undefined): number {
  if (character === undefined) return 0;
  if (character === "~") return -1;
  return (character.codePointAt(0) as number) + (/[A-Za-z]/.test(character) ? 0 : 0x110000);
}

/** Decimal digits of any number; none are zero. */
function compareNumbers(a: string, b: string): number {
  const [one, other] = [BigInt(a), BigInt(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}
