/**
 * Which generations of a role fall when old ones are to go. Knows their numbers, times and the current one, and how a
 * generation is given up.
 */
import { lstatSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { StorePath } from "@cab/core";
import type { Layout } from "./layout.ts";
import { objectOf } from "./root-links.ts";

export interface GenerationPolicy {
  /** A generation that was current at some moment since then stays. Milliseconds since 1970; undefined: age is no reason to stay. */
  readonly since: number | undefined;
  /** So many of the newest stay, whatever their age. */
  readonly keep: number;
}

export interface Generation {
  readonly link: string;
  readonly number: number;
  /** When it was made, in milliseconds since 1970. */
  readonly made: number;
  /** Or what a switch is about to make current. */
  readonly isCurrent: boolean;
}

/**
 * Links of the generations that the policy does not keep. The current one always stays. Their order is that of their numbers:
 * one whose time is before an earlier one's was made by a clock that had been set back, and counts as made when that was.
 */
export function fallingGenerations(generations: readonly Generation[], { since, keep }: GenerationPolicy): string[] {
  const falling: string[] = [];
  const oldestFirst = [...generations].sort((a, b) => a.number - b.number);
  let made = Number.NEGATIVE_INFINITY;
  for (const [i, { link, made: own, isCurrent }] of oldestFirst.entries()) {
    made = Math.max(made, own);
    // It was current until the next one was made.
    const until = Math.max(made, oldestFirst[i + 1]?.made ?? Number.POSITIVE_INFINITY);
    const recent = since !== undefined && until > since;
    if (!isCurrent && i < oldestFirst.length - keep && !recent) falling.push(link);
  }
  return falling;
}

/** Gives a generation up: its link, by which it counts, and then what its role's profile wrote beside it. */
export function removeGeneration(link: string): void {
  for (const file of [link, `${link}.params`, `${link}.json`]) rmSync(file, { force: true });
}

/** The generations of each role: links with a number in their name that lead to an object. */
export function generationsOf(layout: Layout): Generation[][] {
  return readdirSync(layout.profiles, { withFileTypes: true })
    .filter((role) => role.isDirectory())
    .map((role) => generationsIn(layout, join(layout.profiles, role.name)));
}

function generationsIn(layout: Layout, directory: string): Generation[] {
  const links = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isSymbolicLink())
    .map(({ name }) => ({ name, target: readlinkSync(join(directory, name)) }));
  const pathOf = (target: string): StorePath | undefined => objectOf(layout, directory, target);
  const current = links.flatMap(({ name, target }) => (name === "current" || name === "pending" ? [target] : []));
  return links.flatMap(({ name, target }) => {
    const number = /[0-9]+(?=[^0-9]*$)/.exec(name)?.[0];
    const path = pathOf(target);
    if (number === undefined || path === undefined) return [];
    // They lead to the generation's link, or to its object.
    const isCurrent = current.some((leads) => basename(leads) === name || pathOf(leads) === path);
    const link = join(directory, name);
    return [{ link, number: Number(number), made: lstatSync(link).mtimeMs, isCurrent }];
  });
}
