/**
 * What a role says of a server: its words, and nothing of how they become an object. `server-role.ts` builds one;
 * docs/formats/role.md says what becomes of it on a host.
 */
import type { Hole, NoParams, Packages, ParamSpecs, ParamTexts, Secret, Text } from "@cab/core";

export type Secrets = Readonly<Record<string, Secret>>;

/** What a role's functions are told: its packages by their keys, and where a host will have the rest. */
export type RoleContext<P extends Packages, M extends ParamSpecs, S extends Secrets, D extends string> = P & {
  /** Of the role that is built: for one that is included, the outermost. */
  readonly name: string;
  readonly params: ParamTexts<M>;
  /** Files that only the user who activates can read; each holds one secret. */
  readonly secrets: { readonly [K in keyof S]: Text };
  /** Directories of data that outlives generations. */
  readonly state: { readonly [K in D]: Text };
  /** The directory of the role's files, completed with the parameters. */
  readonly etc: Text;
  /** A private directory that is made again at each activation: sockets, pid files, what tasks make. */
  readonly run: Text;
};

/** A program's words (`argv`), or a script for the closure's own shell (`sh`). */
export type Command = readonly Text[] | Text;

/** What runs a program, its environment, and whom it runs as where root activates the role. */
export interface Runs {
  readonly exec: Command;
  /** One of the role's `users`; who activates it unless given, and always where that is not root. */
  readonly user?: string;
  /** All that it sees of an environment beside PATH, HOME and TZ. */
  readonly env?: Readonly<Record<string, Hole>>;
}

export interface Task extends Runs {
  /** Services that must be ready, and tasks that must have been done, before it begins. */
  readonly after?: readonly string[];
}

export interface Service extends Runs {
  readonly after?: readonly string[];
  /** What happens when it ends by itself: it starts again, with growing pauses, unless `never`. */
  readonly restart?: "always" | "on-failure" | "never";
  /** Ends with 0 once the service does its work; without one it is ready when it has run for a second. */
  readonly ready?: Command;
  /** How long that may take; 30 unless given. */
  readonly readySeconds?: number;
  /** How long it may take to end after SIGTERM, before SIGKILL; 30 unless given. */
  readonly stopSeconds?: number;
}

export interface Timer extends Runs {
  readonly after?: readonly string[];
  readonly everySeconds: number;
}

/** A directory of data, and how it goes into another format: as text that both can read and write. */
export interface State {
  /** Changes whenever older programs cannot open newer data, or the other way round. */
  readonly format: string;
  /** What `backup` writes and `restore` reads, such as `ldif`: formats that say the same can be converted. */
  readonly converts?: string;
  /** Whose it is, where root activates the role: one of its `users`. */
  readonly user?: string;
  /** Writes the data to standard output. */
  readonly backup?: Command;
  /** Makes data in the empty directory `$CAB_STATE` from standard input. */
  readonly restore?: Command;
}

export interface RoleSpec<P extends Packages, M extends ParamSpecs, S extends Secrets, D extends string> {
  readonly name: string;
  readonly description?: string;
  readonly packages: P;
  /** Packages whose programs appear in the role's `bin/`. */
  readonly programs: readonly (keyof P & string)[];
  readonly params?: M;
  readonly secrets?: S;
  /** Whom services run as where root activates the role: each user's number, and its group's. */
  readonly users?: Readonly<Record<string, number>>;
  readonly state?: { readonly [K in D]: (context: RoleContext<P, M, S, D>) => State };
  /** By name below `etc/`. */
  readonly files?: (context: RoleContext<P, M, S, D>) => Readonly<Record<string, Text>>;
  readonly tasks?: (context: RoleContext<P, M, S, D>) => Readonly<Record<string, Task>>;
  readonly services?: (context: RoleContext<P, M, S, D>) => Readonly<Record<string, Service>>;
  readonly timers?: (context: RoleContext<P, M, S, D>) => Readonly<Record<string, Timer>>;
  /** A program that ends with 0 while the server does its work. */
  readonly health?: (context: RoleContext<P, M, S, D>) => Command;
  /** How long after a switch that may take; 60 unless given. */
  readonly healthSeconds?: number;
  /** Bytes that the role's closure may take. */
  readonly sizeBudget?: number;
}

/** A role's functions, applied. */
export interface Declared {
  readonly name: string;
  /** The role that says so: another than `name` where it is included. */
  readonly from: string;
  readonly description: string;
  readonly params: ParamSpecs;
  readonly secrets: Secrets;
  readonly users: Readonly<Record<string, number>>;
  readonly state: Readonly<Record<string, State>>;
  readonly files: Readonly<Record<string, Text>>;
  readonly tasks: Readonly<Record<string, Task>>;
  readonly services: Readonly<Record<string, Service>>;
  readonly timers: Readonly<Record<string, Timer>>;
  readonly health: Readonly<Record<string, Command>>;
  readonly healthSeconds: number | undefined;
  readonly sizeBudget: number | null;
}

export type { NoParams };
