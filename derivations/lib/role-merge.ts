/** One role out of several that it includes. Knows that nothing may be said twice; not what any of it means. */
import { RecipeError } from "@cab/core";
import type { Declared } from "./role.ts";

/** The parts of a role in which each name is declared once. */
const NAMED = {
  params: "parameter",
  secrets: "secret",
  users: "user",
  state: "state",
  files: "file",
  tasks: "task",
  services: "service",
  timers: "timer",
  health: "health probe",
} as const satisfies Partial<Record<keyof Declared, string>>;

type Named = keyof typeof NAMED;

/** Everything that the included roles declare, and what `own` does. `from` says who declared each of them. */
export function merged(own: Declared, included: readonly Declared[]): Declared {
  const all = [own, ...included];
  const parts = Object.keys(NAMED).map((part) => [part, together(part as Named, all)]);
  const seconds = all.flatMap(({ healthSeconds }) => healthSeconds ?? []);
  return {
    ...own,
    ...(Object.fromEntries(parts) as Pick<Declared, Named>),
    healthSeconds: seconds.length === 0 ? undefined : Math.max(...seconds),
  };
}

function together(part: Named, roles: readonly Declared[]): Readonly<Record<string, unknown>> {
  const owners = new Map<string, Declared>();
  const values: Record<string, unknown> = {};
  for (const role of roles) {
    for (const [name, value] of Object.entries<unknown>(role[part])) {
      const other = owners.get(name);
      if (other !== undefined && values[name] !== value) throw twice(`${NAMED[part]} ${name}`, other, role);
      owners.set(name, role);
      values[name] = value;
    }
  }
  return values;
}

const twice = (what: string, one: Declared, other: Declared): RecipeError =>
  new RecipeError({
    _tag: "BadRecipe",
    reason: `${one.from} and ${other.from} both declare the ${what}`,
    remedy: "rename one, or declare it in a role that both include",
  });
