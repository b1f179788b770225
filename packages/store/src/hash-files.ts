/** Hashes files on all cores, each inode once. Knows the worker threads that do it; not what the digests are held against. */
import type { Stats } from "node:fs";
import { Worker } from "node:worker_threads";
import type { HashJob, HashResult } from "./hash-worker.ts";
import { ownProgram } from "./own-program.ts";

export type FileDigest = HashResult["digests"][number];

export interface FileHasher {
  /** Of a file that was looked at just now; links to one inode share one reading. */
  readonly digest: (file: Buffer, stat: Stats) => Promise<FileDigest>;
  /** Bytes that were given to be read so far. */
  readonly bytes: () => number;
  readonly close: () => Promise<void>;
}

/** Files of one message to a worker: a message costs as much as hashing 20 kB. */
const FILES = 32;
const JOB_BYTES = 1 << 20;

interface Waiting {
  readonly file: Buffer;
  readonly resolve: (digest: FileDigest) => void;
  readonly reject: (error: Error) => void;
}

export function createFileHasher(workers: number): FileHasher {
  const known = new Map<string, Promise<FileDigest>>();
  const pool: Worker[] = [];
  const idle: Worker[] = [];
  const jobs: Waiting[][] = [];
  const running = new Map<number, Waiting[]>();
  let next: Waiting[] = [];
  let nextBytes = 0;
  let count = 0;
  let total = 0;
  let failure: Error | undefined;

  const fail = (error: Error): void => {
    failure = error;
    for (const job of [...running.values(), ...jobs, next]) for (const { reject } of job) reject(error);
  };

  const start = (): Worker => {
    const worker = new Worker(ownProgram("hash-worker"));
    worker.on("error", fail);
    worker.on("message", ({ id, digests }: HashResult) => {
      const job = running.get(id) ?? [];
      running.delete(id);
      for (const [i, { resolve }] of job.entries()) resolve(digests[i] as FileDigest);
      idle.push(worker);
      send();
    });
    pool.push(worker);
    return worker;
  };

  const send = (): void => {
    while (jobs.length > 0) {
      const worker = idle.pop() ?? (pool.length < workers ? start() : undefined);
      if (worker === undefined) return;
      const job = jobs.shift() as Waiting[];
      const id = ++count;
      running.set(id, job);
      worker.postMessage({ id, files: job.map(({ file }) => file) } satisfies HashJob);
    }
  };

  const flush = (): void => {
    if (next.length > 0) jobs.push(next);
    next = [];
    nextBytes = 0;
    send();
  };

  const enqueue = (file: Buffer, size: number): Promise<FileDigest> => {
    const { promise, resolve, reject } = Promise.withResolvers<FileDigest>();
    next.push({ file, resolve, reject });
    nextBytes += size;
    total += size;
    if (next.length === 1) setImmediate(flush);
    if (next.length >= FILES || nextBytes >= JOB_BYTES) flush();
    return promise;
  };

  return {
    digest: (file, { ino, ctimeMs, size }) => {
      if (failure !== undefined) return Promise.reject(failure);
      // With its time of change: while we read, files are removed, and their inodes become other files.
      const inode = `${ino} ${ctimeMs}`;
      const digest = known.get(inode) ?? enqueue(file, size);
      known.set(inode, digest);
      return digest;
    },
    bytes: () => total,
    close: async () => {
      for (const worker of pool) await worker.terminate();
    },
  };
}
