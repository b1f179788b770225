/**
 * Roles: a server's whole declared content as one store object. Its `bin/` holds the programs of the packages that it names, and
 * `activate`, which makes a host run it; docs/formats/role.md says how.
 */
import {
  type AnyPackage,
  definePackage,
  local,
  type NoOptions,
  type NoParams,
  type Package,
  type Packages,
  type ParamSpecs,
  paramTexts,
  RecipeError,
  raw,
  sh,
  type Text,
  text,
} from "@cab/core";
import busybox from "../libraries/busybox.ts";
import type { Declared, RoleContext, RoleSpec, Secrets } from "./role.ts";
import { roleFiles } from "./role-files.ts";
import { merged } from "./role-merge.ts";
import { runDirectory } from "./role-programs.ts";
import { stdenvRecipe } from "./stdenv.ts";

const scripts = local(import.meta, "./server-role");

export interface ServerRoleSpec<P extends Packages, M extends ParamSpecs, S extends Secrets, D extends string>
  extends RoleSpec<P, M, S, D> {
  /** Other roles, all of which this one is as well. */
  readonly includes?: readonly IncludedRole[];
  /** A folder for `install`: `$src`. */
  readonly source?: AnyPackage;
  /** Adds to `$out`. In the script each package stands under its key. */
  readonly install?: Text;
}

/** What `serverRole` makes, whatever it declares. */
export interface IncludedRole extends AnyPackage {
  readonly inputs: Packages;
  readonly spec: object;
}

type Spec<P extends Packages, M extends ParamSpecs, S extends Secrets, D extends string> = ServerRoleSpec<
  P,
  M,
  S,
  D
> & {
  readonly inputs: P;
};

type AnyRoleSpec = ServerRoleSpec<Packages, ParamSpecs, Secrets, string>;

// biome-ignore lint/complexity/noBannedTypes: a role without secrets
type NoSecrets = {};

export const serverRole = <
  const P extends Packages,
  const M extends ParamSpecs = NoParams,
  const S extends Secrets = NoSecrets,
  const D extends string = never,
>(
  role: ServerRoleSpec<P, M, S, D>,
): Package<NoOptions, P, Spec<P, M, S, D>, "out"> =>
  definePackage<NoOptions, P, Spec<P, M, S, D>>({ ...role, inputs: role.packages }, ({ spec, inputs }, host) => {
    const packages: Packages = inputs;
    const included = (spec.includes ?? []).map((role) => ({ ...role, spec: role.spec as AnyRoleSpec }));
    const role = merged(
      declared(spec, inputs, spec.name),
      included.map((one) => declared(one.spec, one.inputs, spec.name)),
    );
    requireNames(role);
    const files = roleFiles(role, busybox);
    const programs = [{ spec, inputs: packages }, ...included].flatMap((one) =>
      one.spec.programs.map((name) => one.inputs[name] as AnyPackage),
    );
    const script = sh`phase link
mkdir -p "$out/bin" "$out/libexec"
for package in ${programs}; do
  for program in "$package"/bin/* "$package"/sbin/* "$package"/libexec/*; do
    if [[ -f $program && -x $program ]]; then ln -s "$program" "$out/bin"; fi
  done
done
phase role
put() {
  mkdir -p "$(dirname "$out/$1")"
  printf '%s' "$2" > "$out/$1"
  chmod "$3" "$out/$1"
}
${raw(files.map(({ path, isProgram }, i) => `put ${path} "$content${i}" ${isProgram ? "755" : "644"}`).join("\n"))}
for file in ${scripts}/*; do
  sed -e "s|@busybox@|"${busybox}"|g; s|@out@|$out|g; s|@role@|$name|g" "$file" > "$out/libexec/$(basename "$file")"
done
mv "$out/libexec/activate.sh" "$out/bin/activate"
chmod 755 "$out/bin/activate"
phase install
${spec.install ?? []}
fixup`;
    return stdenvRecipe(
      {
        fullName: spec.name,
        outputs: ["out"],
        script,
        env: {
          name: spec.name,
          version: "",
          src: spec.source ?? [],
          inputs: [packages, ...included.map((one) => one.inputs)].flatMap((of) => Object.values(of)),
          ...Object.fromEntries(files.map((file, i) => [`content${i}`, file.text])),
          ...packages,
        },
      },
      host,
    );
  });

/** The role's functions, applied to where a host will have what they name. */
function declared<P extends Packages, M extends ParamSpecs, S extends Secrets, D extends string>(
  spec: ServerRoleSpec<P, M, S, D>,
  packages: P,
  name: string,
): Declared {
  const params: ParamSpecs = spec.params ?? {};
  const secrets: Secrets = spec.secrets ?? {};
  const states = Object.keys(spec.state ?? {});
  const run = runDirectory(name);
  const own = {
    name,
    params: paramTexts(params),
    secrets: mapped(secrets, (secret) => text(`${run}/secrets/${secret.name}`)),
    state: Object.fromEntries(states.map((state) => [state, text(`/cab/state/${name}/${state}`)])),
    etc: text(`${run}/etc`),
    run: text(`${run}/work`),
  };
  const hidden = Object.keys(own).find((key) => key in packages);
  if (hidden !== undefined)
    throw bad(`a package of ${name} is called ${hidden}`, "rename its key: roles use this word");
  const context = { ...packages, ...own } as unknown as RoleContext<P, M, S, D>;
  return {
    name,
    from: spec.name,
    description: spec.description ?? "",
    params,
    secrets,
    users: spec.users ?? {},
    state: mapped((spec.state ?? {}) as Readonly<Record<string, (of: typeof context) => never>>, (state) =>
      state(context),
    ),
    files: spec.files?.(context) ?? {},
    tasks: spec.tasks?.(context) ?? {},
    services: spec.services?.(context) ?? {},
    timers: spec.timers?.(context) ?? {},
    health: spec.health === undefined ? {} : { [spec.name]: spec.health(context) },
    healthSeconds: spec.healthSeconds,
    sizeBudget: spec.sizeBudget ?? null,
  };
}

const mapped = <A, B>(of: Readonly<Record<string, A>>, make: (value: A) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));

const NAME = /^[a-zA-Z][a-zA-Z0-9-]*$/;
const FILE = /^[a-zA-Z0-9_][a-zA-Z0-9._-]*(\/[a-zA-Z0-9_][a-zA-Z0-9._-]*)*$/;

/** Names become words of the shell and parts of paths. */
function requireNames({ name: role, files, state, services, tasks, timers, users }: Declared): void {
  for (const name of [state, services, tasks, timers, users].flatMap(Object.keys)) {
    if (!NAME.test(name)) throw bad(`${JSON.stringify(name)} in ${role} cannot be a name`, "use letters, digits and -");
  }
  for (const name of Object.keys(files)) {
    if (!FILE.test(name)) throw bad(`${JSON.stringify(name)} in ${role} is no file below etc/`, "use a relative path");
  }
}

const bad = (reason: string, remedy: string): RecipeError => new RecipeError({ _tag: "BadRecipe", reason, remedy });
