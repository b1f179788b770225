/** `cab switch`: makes a role's next generation what runs on this host, or leaves what runs. */
import {
  previewSwitch,
  type StateStep,
  type Switched,
  type SwitchPreview,
  type SwitchRequest,
  switchTo,
  type UnitEvent,
} from "@cab/profile";
import { cabRoot } from "../cab-root.ts";
import { closureChanges } from "../closure-changes.ts";
import { realiseFlags, realiseSettings } from "../realise-flags.ts";
import { openSession } from "../realise-names.ts";
import { renderProfileFailure } from "../render-profile.ts";
import { exclusively, openRole, resultOf, roleName } from "../role-host.ts";
import { requireRole, switchRequest } from "../switch-request.ts";
import { defineVerb, type Host, UsageError } from "../verb.ts";

export const verb = defineVerb({
  usage: "[FLAG…] ROLE",
  summary:
    "Makes a generation of ROLE as its recipe is now, moves its services to it, and goes back if they are not healthy.",
  details: [
    "Realises ROLE; then checks its parameters ($CAB_ROOT/etc/ROLE.params) and secrets, converts its state where the format",
    "changes (a backup comes first), restarts the services that changed, and waits until all is healthy. Whatever fails, what",
    "ran before runs again. A supervisor is started where none runs. Killed at any moment, run it again. Exit code: 0 if the",
    "new generation is current and healthy, 1 if not.",
  ].join("\n"),
  flags: {
    ...realiseFlags,
    "dry-run": { type: "boolean", short: "n", help: "realise ROLE, and only say what would change on this host" },
    "no-start": { type: "boolean", help: "start nothing where no supervisor runs" },
    json: { type: "boolean", help: "print one object: role, generation, from, new, healthy" },
  },
  run: async ({ positionals, flags }, host) => {
    const [name, ...rest] = positionals;
    if (name === undefined || rest.length > 0) throw new UsageError("switch to what? give one ROLE");
    const role = roleName(name);
    const root = cabRoot(host);
    const session = await openSession(host, root, [role], { ...realiseSettings(flags), keepOutputs: true });
    try {
      const { realised } = await session.realise(session.roots.map(({ drv }) => drv));
      const path = realised.outputs[0]?.out;
      if (path === undefined) return 1;
      requireRole(session.store, path, role);
      const opened = await openRole(host, { root, store: session.store, role, session });
      const request = await switchRequest(host, opened, { path, root, start: flags["no-start"] !== true });
      if (flags["dry-run"]) {
        const preview = await resultOf(previewSwitch(opened.ports, request))();
        const packages = preview.current === undefined ? [] : closureChanges(session.store, preview.current.path, path);
        report(host, { role, request, preview, packages, json: flags.json === true });
        return preview.state.refusals.length > 0 ? 1 : 0;
      }
      const switched = await exclusively(opened, "switch", resultOf(switchTo(opened.ports, request)));
      reportSwitched(host, { role, switched, json: flags.json === true });
      return 0;
    } finally {
      await session.close();
    }
  },
});

export function reportSwitched(
  host: Host,
  { role, switched, json }: { readonly role: string; readonly switched: Switched; readonly json: boolean },
): void {
  const { number, from, isNew, healthy } = switched;
  if (json) {
    host.out(`${JSON.stringify({ role, generation: number, from, new: isNew, healthy })}\n`);
    return;
  }
  const was = from === null ? "" : `; before it was ${from}`;
  const state = healthy === null ? "does not run" : healthy ? "healthy" : "not healthy";
  host.out(`${role}: generation ${number} is current and ${state}${isNew ? was : "; nothing is new"}\n`);
}

interface DryRun {
  readonly role: string;
  readonly request: SwitchRequest;
  readonly preview: SwitchPreview;
  readonly packages: readonly string[];
  readonly json: boolean;
}

function report(host: Host, { role, request, preview, packages, json }: DryRun): void {
  const { current, units, state } = preview;
  if (json) {
    const from = current?.number ?? null;
    host.out(`${JSON.stringify({ path: request.path, from, packages, units, state })}\n`);
    return;
  }
  host.out(`${request.path}\n`);
  for (const line of packages) host.out(`  ${line}\n`);
  for (const unit of units) host.out(`  ${unitText(unit)}\n`);
  for (const step of state.steps) host.out(stateText(step));
  if (state.refusals.length > 0) {
    host.err(`error: ${renderProfileFailure({ _tag: "StateRefused", role, refusals: state.refusals })}\n`);
  }
}

const WORDS: Readonly<Record<UnitEvent["kind"], string>> = {
  restart: "would restart",
  start: "would start",
  stop: "would stop",
  keep: "goes on",
  ready: "is ready",
};

const unitText = ({ kind, unit, why }: UnitEvent): string => `${unit} ${WORDS[kind]}${why === null ? "" : `: ${why}`}`;

function stateText(step: StateStep): string {
  if (step._tag === "Keep") return "";
  return `  state ${step.name} would be converted from format ${step.from} to ${step.to}\n`;
}
