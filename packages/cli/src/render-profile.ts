/** What goes wrong with a role on this host, as a person reads it: what happened, and what to type next. */
import type { ProfileFailure, Returned, StateRefusal } from "@cab/profile";
import { sizeText } from "./size-text.ts";

export function renderProfileFailure(failure: ProfileFailure): string {
  switch (failure._tag) {
    case "ProfileIo":
      return `cannot ${failure.operation}: ${failure.message}${remedyFor(failure.code)}`;
    case "NoRole":
      return `${failure.path} is no role: ${failure.reason}\nonly what serverRole makes can be run; for a package's programs there is: cab run NAME PROGRAM`;
    case "OtherRole":
      return `the recipe ${failure.asked} makes the role ${failure.found}\ngive both one name, since generations and state are called by it`;
    case "OverBudget":
      return `${failure.role} takes ${sizeText(failure.bytes)} with all that it needs, and may take ${sizeText(failure.budget)}\nsee what it is: cab size ${failure.role}; then leave something out, or raise sizeBudget in its recipe`;
    case "BadParams":
      return `${failure.file}, line ${failure.line}: ${failure.reason}\na line is NAME = VALUE, empty, or begins with #`;
    case "BadRecord":
      return `${failure.file} is no record of a generation: ${failure.reason}\nif nothing else helps, move the generation's three files away, and switch again`;
    case "NoGeneration":
      return failure.number === null
        ? `${failure.role} has no generation on this host yet; make one with: cab switch ${failure.role}`
        : `${failure.role} has no generation ${failure.number}; see which there are with: cab generations ${failure.role}`;
    case "NothingBefore":
      return `there is no generation of ${failure.role} before ${failure.number} that ever ran; choose one with --to N, from: cab generations ${failure.role}`;
    case "GenerationGone": {
      const { number, path, commit } = failure.generation;
      const checkout = commit === null ? "" : `, at commit ${commit.replace("+", " (which had changes beside it)")}`;
      return `the objects of generation ${number} of ${failure.role} are not in the store any more (${path})\nmake it again from its recipes${checkout}: cab switch ${failure.role}\nor take another: cab generations ${failure.role}`;
    }
    case "Busy":
      return `somebody else is at ${failure.role}: ${failure.by ?? "a cab that does not say which"}\nwait for its end, and run the command again`;
    case "StateRefused":
      return failure.refusals.map((refusal) => refusalText(failure.role, refusal)).join("\n");
    case "ActivateFailed":
      return `activate ${failure.call} ${failure.code === null ? "was killed" : `ended with ${failure.code}`}${saidText(failure.said)}`;
    case "Unhealthy":
      return `it is not healthy after ${failure.seconds} s (${failure.probes.join(", ")})`;
    case "NotRunning":
      return `${failure.role} does not run; start it with: cab up ${failure.role}`;
    case "RunsAlready":
      return `the supervisor of ${failure.role} runs already; see it with: cab status ${failure.role}; stop it with: cab down ${failure.role}`;
    case "SupervisorEnded":
      return `the supervisor of ${failure.role} did not begin${failure.log === null ? "" : `\nwhat it said: ${failure.log}`}`;
    case "SecretFound":
      return `the value of the secret ${failure.secret} stands in ${failure.file}, where others may read it\nremove it there, see what wrote it, and change the secret: it may be known`;
    case "Cancelled":
      return "stopped";
    case "SwitchFailed":
      return `generation ${failure.number} of ${failure.role} failed: ${renderProfileFailure(failure.cause)}\n${returnedText(failure.role, failure.returned)}`;
  }
}

/** All that it said was shown when it was said; its last words are the reason. */
const saidText = (said: readonly string[]): string => (said.length === 0 ? "" : `: ${said.at(-1)}`);

function refusalText(role: string, { name, found, wanted, reason, hasBackup }: StateRefusal): string {
  const lines = [`the state ${name} of ${role} has format ${found}, and this generation reads ${wanted}`];
  if (reason === "unreadable") {
    lines.push(`no generation that is here reads ${found}, so it cannot be converted; bring one here that does`);
  } else if (reason === "unconvertible") {
    lines.push("they have no text in common in which it could be converted, so nothing was changed");
  } else {
    lines.push(`there is no backup in format ${wanted} to go back to`);
  }
  if (hasBackup && reason !== "no-backup") {
    lines.push(
      `to restore the backup of format ${wanted}, and lose what was written since: cab rollback ${role} --to N --discard-writes`,
    );
  }
  return lines.join("\n");
}

function returnedText(role: string, returned: Returned): string {
  switch (returned._tag) {
    case "To": {
      const lines = [
        returned.healthy
          ? `went back to generation ${returned.number}, which is healthy`
          : `went back to generation ${returned.number}, which is not healthy or does not run: see cab status ${role}`,
      ];
      for (const version of returned.setAside) {
        lines.push(
          `what the failed generation wrote could not be converted back, and is set aside in state/${role}/${version}`,
        );
      }
      return lines.join("\n");
    }
    case "ToNothing":
      return "there was no generation before it: nothing of the role runs now";
    case "Failed":
      return `and going back to generation ${returned.number} failed too: ${renderProfileFailure(returned.cause)}\nmend what it says; then: cab up ${role}, or cab switch ${role}`;
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free space there, and run the command again",
  EDQUOT: "the disk quota is used up: free space, and run the command again",
  EROFS: "the file system is read-only",
  EACCES: "it belongs to another user: run the command as that one, or with a CAB_ROOT of your own",
  EPERM: "it belongs to another user: run the command as that one, or with a CAB_ROOT of your own",
};

const remedyFor = (code: string): string => (REMEDIES[code] === undefined ? "" : `\n${REMEDIES[code]}`);
