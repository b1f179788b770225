/**
 * The files of a role's object: programs, and what `bin/activate` and others read. Knows the layout that
 * docs/formats/role.md describes; not how files are put into an object.
 */
import { type AnyPackage, json, type ParamSpec, shellQuote, type Text, text, toText } from "@cab/core";
import type { Command, Declared, Runs } from "./role.ts";
import { type Step, startOrder } from "./role-order.ts";
import { commandTexts, programText, type Uses, usesOf } from "./role-programs.ts";
import { bootUnit, bootUnitName, serviceUnit, unitName } from "./role-units.ts";

/** One file of the object, by its path in there. */
export interface RoleFile {
  readonly path: string;
  readonly text: Text;
  readonly isProgram: boolean;
}

const READY_SECONDS = 30;
const STOP_SECONDS = 30;
const HEALTH_SECONDS = 60;

/** A service as the supervisor has it; a timer is one that runs its program again and again. */
export interface Supervised {
  readonly runs: Runs;
  readonly ready: Command | undefined;
  readonly after: readonly string[];
  readonly restart: "always" | "on-failure" | "never";
  readonly readySeconds: number;
  readonly stopSeconds: number;
  readonly everySeconds: number | undefined;
}

interface ProgramUses extends Uses {
  /** What it comes after. */
  readonly tasks: readonly string[];
}

/** Everything about a role that its files are made of. */
interface Whole {
  readonly role: Declared;
  readonly steps: readonly Step[];
  readonly services: ReadonlyMap<string, Supervised>;
  readonly uses: ReadonlyMap<string, ProgramUses>;
}

export function roleFiles(role: Declared, shell: AnyPackage): RoleFile[] {
  const services = supervised(role);
  const whole: Whole = { role, services, steps: startOrder(role), uses: usesByName(role, services) };
  const program = (path: string, runs: Runs): RoleFile => ({
    path,
    text: programText(runs, role, { shell, where: `${path.replace("libexec/", "")} of ${role.name}` }),
    isProgram: true,
  });
  return [
    ...Object.entries(role.files).map(([name, of]) => ({ path: `etc/${name}`, text: of, isProgram: false })),
    ...[...services].flatMap(([name, service]) => serviceFiles(name, service, program)),
    ...Object.entries(role.tasks).map(([name, task]) => program(`libexec/tasks/${name}/program`, task)),
    ...[...whole.uses].map(([name, uses]) =>
      line(`libexec/${name in role.tasks ? "tasks" : "services"}/${name}/uses`, usesLines(uses)),
    ),
    ...stateFiles(role, program),
    ...Object.entries(role.health).map(([name, exec]) => program(`libexec/health/${name}`, { exec })),
    ...unitFiles(whole),
    line("libexec/secret-owners", secretOwners(whole)),
    line("libexec/role.sh", settings(whole)),
    { path: "role.json", text: manifest(whole), isProgram: false },
  ];
}

function unitFiles({ role, services }: Whole): RoleFile[] {
  return [
    line(`lib/systemd/${bootUnitName(role)}`, bootUnit(role)),
    ...[...services].map(([name, service]) =>
      line(`lib/systemd/${unitName(role, name)}`, serviceUnit(role, name, service)),
    ),
  ];
}

type MakeProgram = (path: string, runs: Runs) => RoleFile;

const line = (path: string, of: string): RoleFile => ({ path, text: text(`${of}\n`), isProgram: false });

function serviceFiles(name: string, service: Supervised, program: MakeProgram): RoleFile[] {
  const { runs, ready, restart, readySeconds, stopSeconds, everySeconds } = service;
  const folder = `libexec/services/${name}`;
  return [
    program(`${folder}/program`, runs),
    ...(ready === undefined ? [] : [program(`${folder}/ready`, { ...runs, exec: ready })]),
    line(`${folder}/restart`, restart),
    line(`${folder}/ready-seconds`, String(readySeconds)),
    line(`${folder}/stop-seconds`, String(stopSeconds)),
    ...(everySeconds === undefined ? [] : [line(`${folder}/every`, String(everySeconds))]),
  ];
}

function stateFiles(role: Declared, program: MakeProgram): RoleFile[] {
  return Object.entries(role.state).flatMap(([name, { format, converts, backup, restore, user }]) => {
    const folder = `libexec/state/${name}`;
    const runs = (exec: Command): Runs => (user === undefined ? { exec } : { exec, user });
    return [
      line(`${folder}/format`, format),
      line(`${folder}/owner`, user === undefined ? "" : String(role.users[user] ?? "")),
      ...(converts === undefined ? [] : [line(`${folder}/converts`, converts)]),
      ...(backup === undefined ? [] : [program(`${folder}/backup`, runs(backup))]),
      ...(restore === undefined ? [] : [program(`${folder}/restore`, runs(restore))]),
    ];
  });
}

function supervised(role: Declared): ReadonlyMap<string, Supervised> {
  const services = Object.entries(role.services).map(([name, of]): [string, Supervised] => [
    name,
    {
      runs: of,
      ready: of.ready,
      after: of.after ?? [],
      restart: of.restart ?? "always",
      readySeconds: of.readySeconds ?? READY_SECONDS,
      stopSeconds: of.stopSeconds ?? STOP_SECONDS,
      everySeconds: undefined,
    },
  ]);
  const timers = Object.entries(role.timers).map(([name, of]): [string, Supervised] => [
    name,
    {
      runs: of,
      ready: undefined,
      after: of.after ?? [],
      restart: "always",
      readySeconds: READY_SECONDS,
      stopSeconds: STOP_SECONDS,
      everySeconds: of.everySeconds,
    },
  ]);
  return new Map([...services, ...timers]);
}

function usesByName(role: Declared, services: ReadonlyMap<string, Supervised>): ReadonlyMap<string, ProgramUses> {
  const tasksOf = (after: readonly string[] = []): string[] => after.filter((name) => name in role.tasks);
  const textsOf = ({ exec, env = {} }: Runs): Text[] => [...commandTexts(exec), ...Object.values(env).map(toText)];
  return new Map([
    ...[...services].map(([name, { runs, ready, after }]): [string, ProgramUses] => [
      name,
      { ...usesOf([...textsOf(runs), ...commandTexts(ready)], role), tasks: tasksOf(after) },
    ]),
    ...Object.entries(role.tasks).map(([name, task]): [string, ProgramUses] => [
      name,
      { ...usesOf(textsOf(task), role), tasks: tasksOf(task.after) },
    ]),
  ]);
}

const usesLines = ({ files, params, secrets, tasks }: ProgramUses): string =>
  [
    ...files.map((name) => `file ${name}`),
    ...params.map((name) => `param ${name}`),
    ...secrets.map((name) => `secret ${name}`),
    ...tasks.map((name) => `task ${name}`),
  ].join("\n");

/** A secret is for the user of the first program that uses it. */
function secretOwners({ role, services, uses }: Whole): string {
  const users = new Map<string, number>();
  for (const [name, { secrets }] of uses) {
    const user = services.get(name)?.runs.user ?? role.tasks[name]?.user;
    const uid = user === undefined ? undefined : role.users[user];
    for (const secret of secrets) if (uid !== undefined && !users.has(secret)) users.set(secret, uid);
  }
  return [...users].map(([name, uid]) => `${name} ${uid}`).join("\n");
}

/** What `bin/activate` knows of the role, as shell variables. */
function settings({ role, steps }: Whole): string {
  const list = (names: readonly string[]): string => shellQuote(names.join(" "));
  const [owner] = Object.values(role.users);
  const paramLines = Object.entries(role.params).flatMap(([name, spec]) =>
    [
      [`kind_${name}`, spec.kind],
      [`default_${name}`, spec.default],
      [`optional_${name}`, spec.optional ? "1" : null],
      [`min_${name}`, spec.min],
      [`max_${name}`, spec.max],
      [`pattern_${name}`, spec.pattern],
    ].flatMap(([key, value]) => (value === null ? [] : [`${key}=${shellQuote(String(value))}`])),
  );
  return [
    `ROLE=${role.name}`,
    `PARAMS=${list(Object.keys(role.params))}`,
    `SECRETS=${list(Object.values(role.secrets).map(({ name }) => name))}`,
    `FILES=${list(Object.keys(role.files))}`,
    `SERVICES=${list(steps.flatMap(({ kind, name }) => (kind === "service" ? [name] : [])))}`,
    `STEPS=${list(steps.map(({ kind, name }) => `${kind}:${name}`))}`,
    `STATES=${list(Object.keys(role.state))}`,
    `USERS=${list(Object.keys(role.users))}`,
    `WORK_OWNER=${owner ?? ""}`,
    ...paramLines,
  ].join("\n");
}

/** `docs/formats/role.md` is its description. */
function manifest({ role, steps, services, uses }: Whole): Text {
  const usesJson = (name: string) => {
    const { files, params, secrets } = uses.get(name) as ProgramUses;
    return { files, params, secrets };
  };
  const common = (name: string, { exec, user }: Runs) => ({
    exec: commandTexts(exec),
    user: user ?? null,
    uses: usesJson(name),
  });
  const isTimer = (name: string): boolean => name in role.timers;
  return json({
    version: 1,
    name: role.name,
    description: role.description,
    params: mapped(role.params, (_, spec: ParamSpec) => ({ ...spec })),
    secrets: mapped(role.secrets, (_, { name }) => name),
    files: Object.keys(role.files),
    steps: steps.map(({ kind, name }) => ({ kind, name })),
    services: Object.fromEntries(
      [...services].flatMap(([name, { runs, after, restart, readySeconds, stopSeconds }]) =>
        isTimer(name) ? [] : [[name, { ...common(name, runs), after, restart, readySeconds, stopSeconds }]],
      ),
    ),
    tasks: mapped(role.tasks, (name, task) => ({ ...common(name, task), after: task.after ?? [] })),
    timers: mapped(role.timers, (name, timer) => ({ ...common(name, timer), everySeconds: timer.everySeconds })),
    state: mapped(role.state, (_, { format, converts }) => ({ format, converts: converts ?? null })),
    health: { probes: Object.keys(role.health), seconds: role.healthSeconds ?? HEALTH_SECONDS },
    users: Object.keys(role.users),
    sizeBudget: role.sizeBudget,
  });
}

const mapped = <A, B>(
  of: Readonly<Record<string, A>>,
  make: (name: string, value: A) => B,
): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(name, value)]));
