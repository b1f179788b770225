/** Failures as a person reads them: what happened, what was expected, and what to type next. The only place that does. */
import {
  type BuildFailure,
  type DerivationFailure,
  type OutputFault,
  printable,
  type StoreFailure,
  type StreamFailure,
  type SubstituterFailure,
  utf8,
} from "@cab/core";
import { sizeText } from "./size-text.ts";

export interface LogTail {
  /** Last lines, without line ends; empty if nothing was printed. */
  readonly lines: readonly string[];
  /** Where the whole log lies; undefined if there is none. */
  readonly file: string | undefined;
}

export function renderDerivationFailure(failure: DerivationFailure, log: LogTail): string {
  const lines = [`error: ${failure.name}: ${indented(causeText(failure.cause))}`];
  if (log.lines.length > 0) lines.push("  its last lines:", ...log.lines.map((line) => `    | ${line}`));
  if (log.file !== undefined) lines.push(`  the whole log: ${log.file}`);
  if (failure.wantedBy.length > 1) lines.push(`  needed by: ${failure.wantedBy.join(" → ")}`);
  return `${lines.join("\n")}\n`;
}

const indented = (text: string): string => text.replaceAll("\n", "\n  ");

function causeText(cause: DerivationFailure["cause"]): string {
  switch (cause._tag) {
    case "NonReproducible":
      return [
        `a rebuild gave other bytes for the output ${cause.output}, which other objects refer to`,
        `expected: ${cause.expected}`,
        `built:    ${cause.actual}`,
      ].join("\n");
    case "StoreIo":
    case "StoreTooNew":
    case "StoreOutdated":
    case "StoreReadOnly":
    case "StoreUnusable":
    case "StoreDamaged":
      return renderStoreFailure(cause);
    case "SubstituterIo":
    case "SubstituteRejected":
      return substituterText(cause);
    default:
      return buildText(cause);
  }
}

export function renderStoreFailure(failure: StoreFailure): string {
  switch (failure._tag) {
    case "StoreIo":
      return `${failure.operation} failed: ${failure.message} (${failure.file})${remedyFor(failure.code)}`;
    case "StoreTooNew":
      return `the store at ${failure.root} has format ${failure.found}, this cab knows up to ${failure.supported}\nuse the cab that wrote it, or another CAB_ROOT`;
    case "StoreOutdated":
      return `the store at ${failure.root} has format ${failure.found}, this cab reads ${failure.supported}\n${failure.readOnly ? "only its owner can bring it there, by running any command of this cab on it; until then use the cab that wrote it" : "run the command again: it is brought there when a command begins"}`;
    case "StoreReadOnly":
      return `the store at ${failure.root} can only be read by you (it is uid ${failure.owner}'s), and this needs to write to it\nask its owner, or set CAB_ROOT to a folder of your own`;
    case "StoreUnusable":
      return `the store at ${failure.root} cannot be used: ${failure.reason}\n${failure.remedy}`;
    case "StoreDamaged":
      if (failure.table === "database") {
        return `the store's database is damaged: ${failure.key}\nnothing was changed; make a new one from the objects with: cab repair --db`;
      }
      return `the store's table ${failure.table} is damaged at ${failure.key}: what stands there has another checksum\nnothing was taken from it; rebuild the database from the objects with: cab repair --db`;
  }
}

/** What ended an export or an import, without what was done until then. */
export function renderStreamFailure(failure: StreamFailure | StoreFailure): string {
  switch (failure._tag) {
    case "StreamIo":
      return `${failure.operation} failed: ${failure.message}${failure.code === "ENOSPC" ? "\nthe disk that it goes to is full: free space there, and run the command again" : ""}`;
    case "ObjectDiffers":
      return `${failure.path}, file ${failure.file}: it has ${failure.found}\nwhat was written of the stream is not whole; see what else is damaged with cab verify --contents, and mend it with cab repair`;
    case "StreamCut":
      return "the stream ended too early\nimport the whole stream to get the rest";
    case "StreamRefused":
      return `the stream is refused: ${failure.reason}`;
    case "StreamNeeds":
      return [
        "the stream refers to objects that are not here, since whoever exported it left them out:",
        ...failure.missing.map((path) => `  ${path}`),
        "say there what is here: write it down with cab path-info --all > FILE, and export with --except FILE",
      ].join("\n");
    case "StreamTooLarge":
      return `${failure.what} has ${sizeText(failure.bytes)}, and the store's disk has ${sizeText(failure.free)} free\nfree space there, or set CAB_ROOT to a larger disk`;
    case "Cancelled":
      return "stopped";
    default:
      return renderStoreFailure(failure);
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free space there, or set CAB_ROOT to a larger disk; what was built so far is kept",
  EDQUOT: "the disk quota is used up: free space, or set CAB_ROOT to another disk; what was built so far is kept",
  EROFS: "the file system is read-only: mount it so that it can be written, or set CAB_ROOT to a folder that can",
  EBUSY: "something is mounted there: unmount it first",
  EACCES: "the store belongs to another user: set CAB_ROOT to a folder of your own",
  EPERM: "the store belongs to another user: set CAB_ROOT to a folder of your own",
};

const remedyFor = (code: string): string => (REMEDIES[code] === undefined ? "" : `\n${REMEDIES[code]}`);

function substituterText(failure: SubstituterFailure): string {
  switch (failure._tag) {
    case "SubstituterIo":
      return `${failure.substituter}: ${failure.message}`;
    case "SubstituteRejected":
      return `${failure.substituter} gave a bad ${failure.path}: ${failure.reason}`;
  }
}

/** One build's, or one download's, failure. */
export function buildText(cause: BuildFailure): string {
  switch (cause._tag) {
    case "BuilderExited":
      return `the builder ${cause.signal === null ? `exited with code ${cause.code}` : `was killed by ${cause.signal}`}${cause.hint === undefined ? "" : `\n${cause.hint}`}`;
    case "BuilderTimedOut":
      return `the builder did not end within ${cause.seconds} s and was stopped\ngive it longer with --timeout SECONDS`;
    case "BuilderSilent":
      return `the builder printed nothing for ${cause.seconds} s and was stopped\ngive it longer with --silence SECONDS`;
    case "LogTooLarge":
      return `the builder printed more than ${Math.round(cause.bytes / 1e6)} MB and was stopped`;
    case "SecretInLog":
      return `the builder printed the value of ${cause.secrets.join(", ")}, a secret of this host; its log was not kept\ntake it out of the recipe, and change the secret: it may be known`;
    case "Cancelled":
      return "stopped";
    case "SandboxForbidden":
      return `this host does not let cab make a sandbox: ${cause.reason}\n${cause.remedy}`;
    case "ProgramMissing":
      return `this host has no ${cause.program}, which this needs\ninstall it; on Debian: apt install ${cause.package}`;
    case "GitFailed":
      return [`git cannot get it from ${cause.url}:`, ...cause.reason.split("\n").map((line) => `  ${line}`)].join(
        "\n",
      );
    case "FetchFailed":
      return ["no place gave the file:", ...cause.attempts.map(({ url, reason }) => `  ${url}: ${reason}`)].join("\n");
    case "DigestMismatch":
      return [
        `${cause.url} is not what was pinned`,
        `expected: ${cause.algo} ${cause.expected}`,
        `received: ${cause.algo} ${cause.actual} (${cause.bytes} bytes)`,
        "if upstream really changed it, look why, then pin it anew: cab lock --update NAME",
      ].join("\n");
    case "BadArchive":
      return `${cause.archive}${cause.entry === null ? "" : `, entry "${printable(utf8(cause.entry))}"`}: ${cause.reason}\nnothing of it was kept`;
    case "BadArguments":
      return `${cause.builtin}: ${cause.reason}`;
    case "NoDebianMirror":
      return `${cause.url}: no mirror is known; set CAB_DEBIAN_MIRROR to one, since this host's apt has none configured`;
    case "LocalSourceChanged":
      return `${cause.file}: ${cause.reason}\nrun the command again`;
    case "OutputMissing":
      return `the builder ended well but did not create ${cause.outputs.map((output) => `$${output}`).join(", ")}`;
    case "BadOutput":
      return ["what was built cannot enter the store:", ...cause.faults.map(faultText)].join("\n");
    case "OutputCycle":
      return `its outputs refer to each other in a circle: ${cause.cycle.join(" → ")}\nmove the files that cause it into one output`;
    case "IoFailed":
      return `${cause.operation} failed: ${cause.message}${remedyFor(cause.code)}`;
  }
}

const faultText = ({ output, file, found, remedy }: OutputFault): string => `  ${output}/${file}: ${found}; ${remedy}`;
