/**
 * The program that looks at stores after a crash: `judge.ts <operation> <folder> <given, as JSON>`. For each line of its
 * standard input, a question, it says on a line what is wrong with the store that is in the folder by then. A process of its
 * own, since a broken database may end it.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ObjectInfo, RealisationKey, StorePath } from "@cab/core";
import { openStore, type Store } from "@cab/store";
import { proveObject } from "../../packages/store/src/prove-object.ts";
import { rootLinks } from "../../packages/store/src/root-links.ts";
import { type Given, type OperationName, operations, rootOf, type Said, UMASK } from "./operations.ts";

export interface Question {
  /** The last that the operation had said; null if nothing. */
  readonly said: Said | null;
  /** What it says in the end, when nothing comes between. */
  readonly finally: Said;
}

process.umask(UMASK);
const [name = "", folder = "", givenText = ""] = process.argv.slice(2);
const given: Given = JSON.parse(givenText);
const operation = operations[name as OperationName];
const buffer = Buffer.alloc(1 << 20);

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));

async function judge({ said, finally: last }: Question): Promise<string[]> {
  const findings = await found("after the crash", said, { realised: last.realisations, isMending: said === null });
  let again: Said | undefined;
  try {
    await operation.run(folder, given, (next) => {
      again = next;
    });
  } catch (error) {
    return [...findings, `done again, it fails: ${textOf(error)}`];
  }
  if (JSON.stringify(again) !== JSON.stringify(last)) {
    findings.push(`done again, it says ${JSON.stringify(again)}, not ${JSON.stringify(last)}`);
  }
  return [...findings, ...(await found("done again", last, { realised: last.realisations, isMending: false }))];
}

interface Circumstances {
  /** Realisations that may be there; then their objects are, too. */
  readonly realised: Said["realisations"];
  /** What was damaged at first may still be. */
  readonly isMending: boolean;
}

async function found(when: string, said: Said | null, circumstances: Circumstances): Promise<string[]> {
  const opened = openStore({ root: rootOf(folder), builder: null });
  if (opened._tag === "Left") return [`${when}: the store does not open: ${JSON.stringify(opened.left)}`];
  try {
    return (await examine(opened.right, said, circumstances)).map((finding) => `${when}: ${finding}`);
  } catch (error) {
    return [`${when}: ${textOf(error)}`];
  } finally {
    await opened.right.close();
  }
}

async function examine(store: Store, said: Said | null, { realised, isMending }: Circumstances): Promise<string[]> {
  const findings: string[] = [];
  const valid = new Set(store.objects());
  const tolerated = new Set(isMending ? given.damaged : []);
  for (const path of [...given.lasting, ...(said?.valid ?? [])]) {
    if (!valid.has(path)) findings.push(`${path} was valid, and is no more`);
  }
  const whole = [...valid].filter((path) => !tolerated.has(path));
  for (const path of whole) findings.push(...(await examineObject(store, path, valid)));
  // A record that cannot be read spoils the look at what refers to it.
  const paths = whole.filter((path) => !store.object(path)?.references.some((reference) => tolerated.has(reference)));
  const options = { paths, contents: false, workers: 1, signal: new AbortController().signal };
  const verified = await store.verify({ ...options, onDamage: () => {}, onProgress: () => {} })();
  if (verified._tag === "Left") findings.push(`verifying fails: ${JSON.stringify(verified.left)}`);
  else
    for (const damage of verified.right.damages) findings.push(`${damage.path} is damaged: ${JSON.stringify(damage)}`);
  if (!isMending) findings.push(...examinePool(store));
  findings.push(...examineFolders(store));
  findings.push(...examineKnowledge(store, { said, realised, valid }));
  return findings;
}

/** Whether the bytes are those that the path was made of, and the references are there. */
async function examineObject(store: Store, path: StorePath, valid: ReadonlySet<StorePath>): Promise<string[]> {
  const info = store.object(path) as ObjectInfo;
  const lacking = info.references.filter((reference) => !valid.has(reference));
  const findings = lacking.map((reference) => `${path} refers to ${reference}, which is not valid`);
  try {
    const proof = await proveObject(store.physical(path), path, { candidates: info.references, buffer });
    if (proof?.info.digest !== info.digest) findings.push(`${path} does not prove itself`);
  } catch (error) {
    findings.push(`${path} cannot be read: ${error}`);
  }
  return findings;
}

/** Others may read them, whatever happened between making them and saying so. */
function examineFolders({ layout }: Store): string[] {
  // Not the root: one that was there before keeps the mode that somebody gave it.
  const { store, links, database, logs, profiles, processes, claims, state, run } = layout;
  return [store, links, database, logs, profiles, processes, claims, state, run].flatMap((directory) => {
    const mode = lstatSync(directory).mode & 0o777;
    return mode === 0o755 ? [] : [`${directory} has mode ${mode.toString(8)}`];
  });
}

function examinePool({ layout }: Store): string[] {
  return readdirSync(layout.links).flatMap((entry) => {
    const digest = createHash("sha256")
      .update(readFileSync(join(layout.links, entry)))
      .digest("hex");
    return entry.startsWith(digest) ? [] : [`the pool's ${entry} has SHA-256 ${digest}`];
  });
}

function examineKnowledge(
  store: Store,
  {
    said,
    realised,
    valid,
  }: { readonly said: Said | null; readonly realised: Said["realisations"]; readonly valid: ReadonlySet<StorePath> },
): string[] {
  const findings: string[] = [];
  for (const key of Object.keys(realised) as RealisationKey[]) {
    const path = store.realisation(key);
    if (path !== undefined && !valid.has(path)) findings.push(`${key} is ${path}, which is not valid`);
  }
  for (const [key, path] of Object.entries(said?.realisations ?? {})) {
    const recorded = store.realisation(key as RealisationKey);
    if (recorded !== path) findings.push(`${key} was ${path}, and is ${recorded}`);
  }
  const links = rootLinks(store.layout);
  for (const { link, path } of links) {
    if (!valid.has(path)) findings.push(`${link} keeps ${path}, which is not valid`);
  }
  for (const root of said?.roots ?? []) {
    if (!links.some(({ link }) => link === root)) findings.push(`${root} was a root, and is none`);
  }
  return findings;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await judge(JSON.parse(line)))}\n`);
}
