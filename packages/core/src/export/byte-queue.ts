/**
 * Bytes that have arrived and wait to be read, and how a reader waits for more: it yields `Hungry`, and goes on when its
 * caller has fed the queue. Knows no format.
 */

export interface Hungry {
  readonly _tag: "Hungry";
}

/** Ends the reading. `reason` is null if the stream was cut short. */
export class StreamRefused extends Error {
  override readonly name = "StreamRefused";
  readonly reason: string | null;

  constructor(reason: string | null) {
    super(reason ?? "cut short");
    this.reason = reason;
  }
}

export interface ByteQueue {
  /** Keeps the chunk, which must not change afterwards. */
  readonly feed: (chunk: Uint8Array) => void;
  /** Nothing more will come. */
  readonly end: () => void;
  readonly ended: () => boolean;
  readonly length: () => number;
  /** The next bytes in one piece, at most so many; undefined if there are none. No copy. */
  readonly takeSome: (most: number) => Uint8Array | undefined;
  /** Exactly so many, which must be there. */
  readonly take: (count: number) => Uint8Array;
}

export function byteQueue(): ByteQueue {
  const chunks: Uint8Array[] = [];
  let first = 0;
  let offset = 0;
  let length = 0;
  let ended = false;

  const takeSome = (most: number): Uint8Array | undefined => {
    const chunk = chunks[first];
    if (chunk === undefined) return undefined;
    const piece = chunk.subarray(offset, offset + most);
    offset += piece.length;
    length -= piece.length;
    if (offset === chunk.length) {
      first++;
      offset = 0;
      // Not one by one from the front, which would move all others each time.
      if (first === chunks.length) {
        chunks.length = 0;
        first = 0;
      }
    }
    return piece;
  };

  return {
    feed: (chunk) => {
      if (chunk.length === 0) return;
      chunks.push(chunk);
      length += chunk.length;
    },
    end: () => {
      ended = true;
    },
    ended: () => ended,
    length: () => length,
    takeSome,
    take: (count) => {
      if (count > length) throw new Error(`BUG: ${count} bytes wanted, ${length} are there`);
      const whole = new Uint8Array(count);
      for (let at = 0; at < count; ) {
        const piece = takeSome(count - at) as Uint8Array;
        whole.set(piece, at);
        at += piece.length;
      }
      return whole;
    },
  };
}

/** Waits until there is a byte at least. */
export function* untilFed(input: ByteQueue): Generator<Hungry, void> {
  while (input.length() === 0) {
    if (input.ended()) throw new StreamRefused(null);
    yield { _tag: "Hungry" };
  }
}

/** Waits for exactly so many. Memory is taken for what has come, not for what was announced. */
export function* takeBytes(input: ByteQueue, count: number): Generator<Hungry, Uint8Array> {
  while (input.length() < count) {
    if (input.ended()) throw new StreamRefused(null);
    yield { _tag: "Hungry" };
  }
  return input.take(count);
}
