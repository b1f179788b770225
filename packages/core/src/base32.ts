/**
 * Nix's base 32: 20 bytes as 32 characters. The alphabet leaves out e, o, t and u, so that no word arises by chance;
 * bits are taken from the end of the bytes, as in Nix's `printHash32`.
 */

export const BASE32_ALPHABET = "0123456789abcdfghijklmnpqrsvwxyz";

/** Encodes `bytes` (any length) in `ceil(8 n / 5)` characters. */
export function toBase32(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 8) / 5);
  let text = "";
  for (let n = length - 1; n >= 0; n--) {
    const bit = n * 5;
    const index = bit >> 3;
    const shift = bit & 7;
    const low = (bytes[index] as number) >> shift;
    const high = shift > 3 ? (bytes[index + 1] ?? 0) << (8 - shift) : 0;
    text += BASE32_ALPHABET[(low | high) & 31];
  }
  return text;
}
