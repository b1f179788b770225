/**
 * Who builds what, among all processes that work on one store. A claim is a symlink `var/claims/<DrvHash>` to the
 * claiming process's id: it needs no sync, since after a crash of the machine its holder is dead anyway. The store's
 * mutex makes taking over from a dead holder exclusive. Knows no derivation but by its hash.
 *
 * Who finds a claim taken connects to its holder and names the derivation; the holder ends the connection when the claim
 * is released, the kernel when the holder dies.
 */
import { lstatSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { type Claim, type DrvHash, type Holder, isDrvHash, type Worker } from "@cab/core";
import { errorCode } from "./failure.ts";
import type { Layout } from "./layout.ts";
import {
  type Announcement,
  announce,
  connectTo,
  forgetProcess,
  isProcessId,
  type ProcessId,
  workerOf,
} from "./process-socket.ts";

export interface Claims {
  /** This process's id; announces it first. */
  readonly process: () => Promise<ProcessId>;
  readonly claim: (drv: DrvHash) => Promise<Claim>;
  readonly close: () => Promise<void>;
}

/** A claim of this process: those who wait for it, here and elsewhere. */
interface Held {
  readonly waiters: Set<Socket>;
  readonly released: Promise<void>;
  readonly release: () => void;
}

function newHeld(): Held {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { waiters: new Set(), released: promise, release: resolve };
}

/** Length of a request: one hexadecimal SHA-256. */
const REQUEST_LENGTH = 64;

/** Runs an action while no other process of the store runs one. */
export type Exclusive = <A>(action: () => A) => A;

function holderIn(file: string): ProcessId | "unreadable" | undefined {
  try {
    const id = readlinkSync(file);
    return isProcessId(id) ? id : "unreadable";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** A dead holder's claims bind nobody; those that nobody wants again would stay for ever. */
export async function removeVoidClaims(
  layout: Layout,
  exclusive: Exclusive,
  lives: (id: ProcessId) => Promise<boolean>,
): Promise<void> {
  for (const name of readdirSync(layout.claims)) {
    const file = join(layout.claims, name);
    const holder = holderIn(file);
    if (holder === undefined || (holder !== "unreadable" && (await lives(holder)))) continue;
    exclusive(() => {
      if (holderIn(file) === holder) rmSync(file, { force: true });
    });
  }
}

export interface ClaimsOptions {
  readonly layout: Layout;
  readonly exclusive: Exclusive;
  /** What this process is, for the people at others; null if nobody asks. */
  readonly worker: Worker | null;
}

export function openClaims({ layout, exclusive, worker }: ClaimsOptions): Claims {
  const held = new Map<DrvHash, Held>();
  let announced: Promise<Announcement> | undefined;
  const file = (drv: DrvHash): string => join(layout.claims, drv);

  /** Another process asks to hear when a claim ends; one that has ended, or never was, ends at once. */
  const serve = (socket: Socket): void => {
    let request = "";
    socket.setEncoding("latin1");
    // A waiter that dies or is gone needs no answer.
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => {
      request += text;
      if (request.length < REQUEST_LENGTH) return;
      const claim = isDrvHash(request) ? held.get(request) : undefined;
      if (claim === undefined) {
        socket.end();
        return;
      }
      claim.waiters.add(socket);
      socket.once("close", () => claim.waiters.delete(socket));
    });
    socket.unref();
  };

  const announcement = async (): Promise<Announcement> => {
    announced ??= announce(layout, worker, serve);
    try {
      return await announced;
    } catch (error) {
      // Whoever could not be announced is not, and may try again.
      announced = undefined;
      throw error;
    }
  };

  /** Makes the claim ours unless somebody other than `dead` holds it; tells who holds it now. */
  const take = (drv: DrvHash, own: ProcessId, dead: ProcessId | "unreadable" | undefined): ProcessId =>
    exclusive(() => {
      const current = holderIn(file(drv));
      if (current !== undefined && current !== "unreadable" && current !== dead) return current;
      rmSync(file(drv), { force: true });
      symlinkSync(own, file(drv));
      return own;
    });

  const release = (drv: DrvHash): void => {
    const claim = held.get(drv);
    if (claim === undefined) return;
    // The file first: who is woken finds the claim free.
    rmSync(file(drv), { force: true });
    held.delete(drv);
    for (const socket of claim.waiters) socket.end();
    claim.release();
  };

  const holderOf = (drv: DrvHash, id: ProcessId): Holder => ({
    worker: workerOf(layout, id),
    // If it was released just now, that was the directory's last change.
    since: (lstatSync(file(drv), { throwIfNoEntry: false }) ?? lstatSync(layout.claims)).mtimeMs,
  });

  /** Keeps this process from ending no more than anything else that it waits for. */
  const ended = (socket: Socket, drv: DrvHash): Promise<void> =>
    new Promise((resolve) => {
      socket.unref();
      socket.on("error", () => {});
      socket.once("close", () => resolve());
      socket.resume();
      socket.write(drv);
    });

  return {
    process: async () => (await announcement()).id,
    claim: async (drv) => {
      const { id: own } = await announcement();
      let dead: ProcessId | undefined;
      for (;;) {
        const mine = held.get(drv);
        if (mine !== undefined) return { _tag: "Theirs", ended: mine.released, holder: holderOf(drv, own) };
        const current = take(drv, own, dead);
        if (current === own) {
          held.set(drv, newHeld());
          return { _tag: "Ours", release: async () => release(drv) };
        }
        const socket = await connectTo(layout, current);
        if (socket !== undefined) {
          return { _tag: "Theirs", ended: ended(socket, drv), holder: holderOf(drv, current) };
        }
        dead = current;
        forgetProcess(layout, current);
      }
    },
    close: async () => {
      for (const drv of [...held.keys()]) release(drv);
      await (await announced)?.close();
    },
  };
}
