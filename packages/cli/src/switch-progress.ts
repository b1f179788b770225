/** What a switch tells while it goes on, as lines for people. */
import type { SwitchEvent, UnitEvent } from "@cab/profile";
import type { Host } from "./verb.ts";

export const switchProgress =
  ({ err }: Host, role: string) =>
  (event: SwitchEvent): void => {
    const line = lineOf(event, role);
    if (line !== undefined) err(`${line}\n`);
  };

function lineOf(event: SwitchEvent, role: string): string | undefined {
  switch (event._tag) {
    case "Pending":
      return `switching ${role} to generation ${event.number}`;
    case "Backup":
      return `  state ${event.state}: written to state/${role}/.backups/${event.file}`;
    case "Converted":
      return `  state ${event.state}: from format ${event.from} to ${event.to}`;
    case "Supervisor":
      return `  its supervisor was started`;
    case "Unit":
      return unitLine(event.event);
    case "AwaitHealth":
      return event.probes.length === 0 ? undefined : `  waiting up to ${event.seconds} s until it is healthy`;
    case "GoingBack":
      return event.number === null ? "going back: stopping its services" : `going back to generation ${event.number}`;
  }
}

const WORDS: Readonly<Record<UnitEvent["kind"], string | undefined>> = {
  restart: "restarted",
  start: "started",
  stop: "stopped",
  keep: undefined,
  ready: undefined,
};

function unitLine({ kind, unit, why }: UnitEvent): string | undefined {
  const word = WORDS[kind];
  return word === undefined ? undefined : `  ${unit}: ${word}${why === null ? "" : `, ${why}`}`;
}
