/**
 * How a process shows the others that it lives: a listening Unix socket in a directory of its own below
 * `var/processes`. A dead process's socket refuses connections, whatever pid namespace it lived in, and leaves no
 * process number to be taken by another. Knows connections, not what is claimed over them.
 *
 * Sockets are addressed through `/proc/self/fd/<directory>/socket`: an address holds 107 bytes, a root may be longer.
 */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import type { Server, Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Worker } from "@cab/core";
import { errorCode } from "./failure.ts";
import type { Layout } from "./layout.ts";

/** The six characters by which mkdtemp(3) tells processes apart. */
export type ProcessId = string & { readonly _brand: "ProcessId" };

const PREFIX = "p-";
/** Of a directory whose socket does not listen yet, so that nobody takes an announced process for dead. */
const NEW_PREFIX = "new-";
/** Of one that is being removed. */
const OLD_PREFIX = "old-";

export const isProcessId = (text: string): text is ProcessId => /^[0-9A-Za-z]{6}$/.test(text);

export const processDirectory = (layout: Layout, id: ProcessId): string => join(layout.processes, PREFIX + id);

/** In which a process says what it is, for people. */
const WORKER = "worker";

const socketIn = (descriptor: number): string => `/proc/self/fd/${descriptor}/socket`;

export interface Announcement {
  readonly id: ProcessId;
  readonly close: () => Promise<void>;
}

/** Listens; `onConnection` gets every process that asks for us. Does not keep this process alive. */
export async function announce(
  layout: Layout,
  worker: Worker | null,
  onConnection: (socket: Socket) => void,
): Promise<Announcement> {
  for (;;) {
    const announcement = await tryToAnnounce(layout, worker, onConnection);
    if (announcement !== undefined) return announcement;
  }
}

/** Undefined if another process took the new directory for a dead process's before it was announced. */
async function tryToAnnounce(
  layout: Layout,
  worker: Worker | null,
  onConnection: (socket: Socket) => void,
): Promise<Announcement | undefined> {
  // Loaded here because opening a store must stay cheap: net costs 2 ms, and only a build claims anything.
  const { createServer } = await import("node:net");
  const unannounced = mkdtempSync(join(layout.processes, NEW_PREFIX));
  const id = unannounced.slice(-6) as ProcessId;
  const server: Server = createServer(onConnection);
  let descriptor: number | undefined;
  const stop = async (): Promise<void> => {
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
    if (descriptor !== undefined) closeSync(descriptor);
  };
  try {
    const opened = openSync(unannounced, "r");
    descriptor = opened;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(socketIn(opened), resolve);
    });
    server.unref();
    if (worker !== null) writeFileSync(join(unannounced, WORKER), JSON.stringify(worker));
    renameSync(unannounced, processDirectory(layout, id));
  } catch (error) {
    await stop();
    rmSync(unannounced, { recursive: true, force: true });
    if (!isGone(error)) throw error;
    return undefined;
  }
  return {
    id,
    close: async () => {
      await stop();
      // Another process may have taken us for dead meanwhile, and removed it.
      forgetProcess(layout, id);
    },
  };
}

/** A directory that was there: libuv calls it EACCES where a socket is bound in one that is not (uv_pipe_bind). */
const isGone = (error: unknown): boolean =>
  errorCode(error) === "ENOENT" ||
  (errorCode(error) === "EACCES" && (error as NodeJS.ErrnoException).syscall === "listen");

/** A connection to a living process; undefined if it is dead, and then for ever. */
export const connectTo = (layout: Layout, id: ProcessId): Promise<Socket | undefined> =>
  connectIn(processDirectory(layout, id));

async function connectIn(directory: string): Promise<Socket | undefined> {
  const { connect } = await import("node:net");
  let descriptor: number;
  try {
    descriptor = openSync(directory, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return await new Promise<Socket | undefined>((resolve, reject) => {
      const socket = connect(socketIn(descriptor));
      socket.once("connect", () => resolve(socket));
      socket.once("error", (error) => {
        const code = errorCode(error);
        // A reset: it closed its socket between our asking and its answer.
        if (code === "ECONNREFUSED" || code === "ECONNRESET" || code === "ENOENT") resolve(undefined);
        else reject(error);
      });
    });
  } finally {
    closeSync(descriptor);
  }
}

export async function isAlive(layout: Layout, id: ProcessId): Promise<boolean> {
  const socket = await connectTo(layout, id);
  socket?.destroy();
  return socket !== undefined;
}

/** Forgets a process that is dead. */
export function forgetProcess(layout: Layout, id: ProcessId): void {
  rmSync(processDirectory(layout, id), { recursive: true, force: true });
}

/** What a process says that it is; undefined if it says nothing, or is gone. */
export function workerOf(layout: Layout, id: ProcessId): Worker | undefined {
  try {
    const { pid, words } = JSON.parse(readFileSync(join(processDirectory(layout, id), WORKER), "utf8"));
    const isWorker = typeof pid === "number" && Array.isArray(words) && words.every((word) => typeof word === "string");
    return isWorker ? { pid, words } : undefined;
  } catch (error) {
    // A full disk cuts it short.
    if (errorCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Every process that announced itself and has not ended in good order. */
export const announcedProcesses = (layout: Layout): ProcessId[] =>
  readdirSync(layout.processes)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => name.slice(PREFIX.length))
    .filter(isProcessId);

/** Those that were killed while they announced themselves, too: who is just about to does it again. */
export async function forgetDead(layout: Layout): Promise<void> {
  for (const id of announcedProcesses(layout)) if (!(await isAlive(layout, id))) forgetProcess(layout, id);
  for (const name of readdirSync(layout.processes)) {
    const directory = join(layout.processes, name);
    if (name.startsWith(NEW_PREFIX)) await setAside(directory);
    if (name.startsWith(OLD_PREFIX)) rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Takes the name from a process that does not listen under it. By a rename, since removing takes several steps: of this
 * and the process's own rename one fails.
 */
async function setAside(directory: string): Promise<void> {
  const socket = await connectIn(directory);
  socket?.destroy();
  if (socket !== undefined) return;
  const aside = join(dirname(directory), OLD_PREFIX + directory.slice(-6));
  try {
    renameSync(directory, aside);
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
