/** In which order a role's tasks and services start. Knows their names and what each comes after, nothing else. */
import { compareUtf8, RecipeError } from "@cab/core";
import type { Declared } from "./role.ts";

export interface Step {
  readonly kind: "task" | "service";
  readonly name: string;
}

/** Each behind all that it comes after; where that leaves a choice, tasks first, then by name. */
export function startOrder({ name: role, tasks, services, timers }: Declared): Step[] {
  const after = (name: string): readonly string[] => (tasks[name] ?? services[name] ?? timers[name])?.after ?? [];
  const kinds = new Map<string, Step>();
  for (const name of Object.keys(tasks).sort(compareUtf8)) kinds.set(name, { kind: "task", name });
  for (const name of [...Object.keys(services), ...Object.keys(timers)].sort(compareUtf8)) {
    if (kinds.has(name))
      throw bad(`${role} has two of tasks, services and timers called ${name}`, "rename one of them");
    kinds.set(name, { kind: "service", name });
  }
  const order: Step[] = [];
  const open: string[] = [];
  const visit = (name: string): void => {
    const step = kinds.get(name) as Step;
    if (order.includes(step)) return;
    if (open.includes(name)) {
      const cycle = [...open.slice(open.indexOf(name)), name].join(" → ");
      throw bad(`in ${role}, services wait for one another: ${cycle}`, "take one of these out of an `after`");
    }
    open.push(name);
    for (const before of after(name)) {
      if (!kinds.has(before)) {
        throw bad(
          `${name} of ${role} comes after ${before}, which the role does not have`,
          `it has: ${[...kinds.keys()].join(", ")}`,
        );
      }
      visit(before);
    }
    open.pop();
    order.push(step);
  };
  for (const name of kinds.keys()) visit(name);
  return order;
}

const bad = (reason: string, remedy: string): RecipeError => new RecipeError({ _tag: "BadRecipe", reason, remedy });
