/** A role's manifest, `role.json`, as docs/formats/role.md describes it. Knows its shape; does nothing with it. */
import type { Either } from "fp-ts/lib/Either.js";
import {
  byName,
  type Decoder,
  decodeJson,
  flag,
  integer,
  list,
  matching,
  oneOf,
  orMissing,
  orNull,
  shape,
  text,
} from "./decode.ts";

export interface Manifest {
  readonly name: string;
  readonly description: string;
  readonly params: ReadonlyMap<string, ParamSpec>;
  /** By key: what the host calls it. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly services: ReadonlyMap<string, UnitSpec>;
  readonly tasks: ReadonlyMap<string, UnitSpec>;
  readonly timers: ReadonlyMap<string, UnitSpec>;
  readonly state: ReadonlyMap<string, StateSpec>;
  readonly health: { readonly probes: readonly string[]; readonly seconds: number };
  /** Bytes that the closure may take; null if nobody says. */
  readonly sizeBudget: number | null;
}

export interface ParamSpec {
  readonly kind: "string" | "integer" | "port" | "file";
  readonly description: string;
  readonly default: string | null;
  readonly optional: boolean;
}

/** A service, a task or a timer. */
export interface UnitSpec {
  /** What its programs name: when one of these changes, so does the unit. */
  readonly uses: Uses;
  /** Units that come before it. */
  readonly after: readonly string[];
}

export interface Uses {
  readonly files: readonly string[];
  readonly params: readonly string[];
  readonly secrets: readonly string[];
}

export interface StateSpec {
  /** Of the data, as the programs of this role read and write it. */
  readonly format: string;
  /** The text in which `backup` and `restore` exchange it with other formats; null if they do not. */
  readonly converts: string | null;
}

/** More than any role's; what is larger is none. */
export const MANIFEST_LIMIT = 4 * 2 ** 20;

/** Names of states and services become names of files. */
const name = matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, "a name of letters, digits, ., _ and -");

const format = matching(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, "a format of letters, digits, ., _, + and -");

const unit: Decoder<UnitSpec> = shape<UnitSpec>({
  uses: shape<Uses>({ files: list(text), params: list(text), secrets: list(text) }),
  after: orMissing(list(text), []),
});

const manifest: Decoder<Manifest> = shape<Manifest>({
  name,
  description: text,
  params: byName(
    text,
    shape<ParamSpec>({
      kind: oneOf("string", "integer", "port", "file"),
      description: text,
      default: orNull(text),
      optional: flag,
    }),
  ),
  secrets: byName(text, name),
  services: byName(name, unit),
  tasks: byName(name, unit),
  timers: byName(name, unit),
  state: byName(name, shape<StateSpec>({ format, converts: orNull(text) })),
  health: shape<Manifest["health"]>({ probes: list(text), seconds: integer }),
  sizeBudget: orNull(integer),
});

/** Left: what is wrong with it. The version is looked at before anything else. */
export const parseManifest = (json: string): Either<string, Manifest> =>
  decodeJson(json, (value, at) => {
    shape({ version: oneOf(1) })(value, at);
    return manifest(value, at);
  });
