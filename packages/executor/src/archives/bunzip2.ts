/**
 * Decodes bzip2, block by block, from bytes that nobody has checked: every loop is bounded by the block's size, and what
 * comes out is handed on in pieces. Written out because the decoders on npm loop for ever on a forged run length.
 *
 * Source: Julian Seward's bzip2 1.0; the format as set down in Joe Tsai's "BZIP2: Format Specification" (2016).
 */
import { type ByteRange, chunksOf } from "./byte-range.ts";

const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const MAX_CODE_LENGTH = 20;
const GROUP_SIZE = 50;
const PIECE = 64 * 1024;

class BadBzip2 extends Error {}

const bad = (reason: string): never => {
  throw new BadBzip2(reason);
};

interface Bits {
  /** The next `count` bits, at most 24, the first one highest. */
  readonly read: (count: number) => number;
  readonly align: () => void;
  readonly atEnd: () => boolean;
}

function bitsOf(range: ByteRange): Bits {
  const chunks = chunksOf(range);
  let chunk: Uint8Array = new Uint8Array();
  let at = 0;
  let held = 0;
  let heldBits = 0;
  const more = (): boolean => {
    if (at < chunk.length) return true;
    const { done, value } = chunks.next();
    if (done === true) return false;
    chunk = value;
    at = 0;
    return true;
  };
  return {
    read: (count) => {
      while (heldBits < count) {
        if (!more()) bad("it ends too early");
        held = ((held << 8) | (chunk[at++] as number)) & 0x7fffffff;
        heldBits += 8;
      }
      heldBits -= count;
      return (held >>> heldBits) & ((1 << count) - 1);
    },
    align: () => {
      heldBits -= heldBits % 8;
    },
    atEnd: () => heldBits === 0 && !more(),
  };
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

export function* bunzip2(range: ByteRange): Generator<Uint8Array> {
  const bits = bitsOf(range);
  while (!bits.atEnd()) {
    if (bits.read(24) !== 0x425a68) bad("it is no bzip2 stream, or more follows behind one");
    const level = bits.read(8) - 48;
    if (level < 1 || level > 9) bad("its block size cannot be");
    const block = new Uint32Array(level * 100_000);
    let combined = 0;
    for (;;) {
      const magic = bits.read(24) * 2 ** 24 + bits.read(24);
      const promised = (bits.read(16) << 16) | bits.read(16);
      if (magic === END_MAGIC) {
        if (promised !== combined) bad("its checksum is wrong");
        break;
      }
      if (magic !== BLOCK_MAGIC) bad("its data is damaged");
      const { length, start } = readBlock(bits, block);
      const crc = yield* undoRuns(block, length, start);
      if (crc !== promised) bad("a block's checksum is wrong");
      combined = ((combined << 1) | (combined >>> 31)) ^ crc;
    }
    bits.align();
  }
}

/** Canonical Huffman codes of one table: for each length the highest code, and where its symbols begin. */
interface Codes {
  readonly limit: Int32Array;
  readonly offset: Int32Array;
  readonly symbols: Uint16Array;
}

function readCodes(bits: Bits, count: number): Codes {
  const lengths = new Uint8Array(count);
  let length = bits.read(5);
  for (let symbol = 0; symbol < count; symbol++) {
    for (;;) {
      if (length < 1 || length > MAX_CODE_LENGTH) bad("a code's length cannot be");
      if (bits.read(1) === 0) break;
      length += bits.read(1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }
  const limit = new Int32Array(MAX_CODE_LENGTH + 1).fill(-1);
  const offset = new Int32Array(MAX_CODE_LENGTH + 1);
  const symbols = new Uint16Array(count);
  let next = 0;
  let code = 0;
  for (let size = 1; size <= MAX_CODE_LENGTH; size++) {
    offset[size] = next - code;
    for (let symbol = 0; symbol < count; symbol++) {
      if (lengths[symbol] !== size) continue;
      symbols[next++] = symbol;
      code++;
    }
    limit[size] = code - 1;
    code <<= 1;
  }
  return { limit, offset, symbols };
}

function readSymbol(bits: Bits, { limit, offset, symbols }: Codes): number {
  let code = 0;
  for (let size = 1; size <= MAX_CODE_LENGTH; size++) {
    code = (code << 1) | bits.read(1);
    if (code <= (limit[size] as number)) return symbols[code + (offset[size] as number)] ?? bad("a code cannot be");
  }
  return bad("a code cannot be");
}

function moveToFront(list: Uint8Array, index: number): number {
  const value = list[index] as number;
  list.copyWithin(1, 0, index);
  list[0] = value;
  return value;
}

function readUsedBytes(bits: Bits): Uint8Array {
  const used: number[] = [];
  const ranges = bits.read(16);
  for (let high = 0; high < 16; high++) {
    if ((ranges & (0x8000 >> high)) === 0) continue;
    const row = bits.read(16);
    for (let low = 0; low < 16; low++) if ((row & (0x8000 >> low)) !== 0) used.push(16 * high + low);
  }
  return Uint8Array.from(used);
}

/** Fills `block` with the transform's last column and its links: the byte below, the next index above 8 bits. */
function readBlock(bits: Bits, block: Uint32Array): { length: number; start: number } {
  if (bits.read(1) !== 0) bad("it is randomised, which no bzip2 of this century writes");
  const origin = bits.read(24);
  const order = readUsedBytes(bits);
  const groups = bits.read(3);
  const selectorCount = bits.read(15);
  if (groups < 2 || groups > 6 || selectorCount === 0 || order.length === 0) bad("a block's header cannot be");
  const selectors = new Uint8Array(selectorCount);
  const tables = Uint8Array.from({ length: groups }, (_, i) => i);
  for (let i = 0; i < selectorCount; i++) {
    let index = 0;
    while (bits.read(1) !== 0) if (++index >= groups) bad("a selector cannot be");
    selectors[i] = moveToFront(tables, index);
  }
  const endOfBlock = order.length + 1;
  const codes = Array.from({ length: groups }, () => readCodes(bits, order.length + 2));

  const counts = new Uint32Array(257);
  let length = 0;
  let run = 0;
  let weight = 1;
  for (let read = 0; ; read++) {
    const table = codes[selectors[Math.floor(read / GROUP_SIZE)] ?? bad("it has too few selectors")] as Codes;
    const symbol = readSymbol(bits, table);
    if (symbol <= 1) {
      run += weight * (symbol + 1);
      weight *= 2;
      if (run > block.length) bad("a run is longer than its block");
      continue;
    }
    if (length + run + 1 > block.length && (symbol !== endOfBlock || length + run > block.length))
      bad("a block is too long");
    if (run > 0) {
      const value = order[0] as number;
      block.fill(value, length, length + run);
      counts[value + 1] = (counts[value + 1] as number) + run;
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol === endOfBlock) break;
    const value = moveToFront(order, symbol - 1);
    block[length++] = value;
    counts[value + 1] = (counts[value + 1] as number) + 1;
  }
  if (origin >= length) bad("a block's origin lies outside it");
  for (let byte = 0; byte < 256; byte++) counts[byte + 1] = (counts[byte + 1] as number) + (counts[byte] as number);
  for (let i = 0; i < length; i++) {
    const byte = (block[i] as number) & 0xff;
    const place = counts[byte] as number;
    counts[byte] = place + 1;
    block[place] = (block[place] as number) | (i << 8);
  }
  return { length, start: (block[origin] as number) >>> 8 };
}

/** Follows the links and undoes the first run-length step: four equal bytes are followed by a count of further ones. */
function* undoRuns(block: Uint32Array, length: number, start: number): Generator<Uint8Array, number> {
  let piece = new Uint8Array(PIECE);
  let used = 0;
  let crc = -1;
  let at = start;
  let previous = -1;
  let equal = 0;
  for (let i = 0; i < length; i++) {
    const entry = block[at] as number;
    const byte = entry & 0xff;
    at = entry >>> 8;
    let repeat = 1;
    let value = byte;
    if (equal === 4) {
      repeat = byte;
      value = previous;
      equal = 0;
      previous = -1;
    } else {
      equal = byte === previous ? equal + 1 : 1;
      previous = byte;
    }
    for (; repeat > 0; repeat--) {
      if (used === PIECE) {
        yield piece;
        piece = new Uint8Array(PIECE);
        used = 0;
      }
      piece[used++] = value;
      crc = (crc << 8) ^ (CRC_TABLE[((crc >>> 24) ^ value) & 0xff] as number);
    }
  }
  if (used > 0) yield piece.subarray(0, used);
  return ~crc;
}
