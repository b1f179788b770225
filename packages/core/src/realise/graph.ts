/** Walks over the graph of derivations. All iterative: a chain may be any length. */
import { type Derivation, type DrvHash, neededOutputs } from "../derivation.ts";

export type DerivationOf = (hash: DrvHash) => Derivation;

/** The derivations that `hash` needs, each once. */
export const neededDrvs = (drv: Derivation): DrvHash[] => [...new Set(neededOutputs(drv).map((needed) => needed.drv))];

/** Every derivation that the roots need, each after all that it needs. */
export function topological(roots: readonly DrvHash[], derivation: DerivationOf): DrvHash[] {
  const order: DrvHash[] = [];
  const entered = new Set<DrvHash>();
  const stack: { readonly hash: DrvHash; readonly needs: readonly DrvHash[]; next: number }[] = [];
  const enter = (hash: DrvHash): void => {
    if (entered.has(hash)) return;
    entered.add(hash);
    stack.push({ hash, needs: neededDrvs(derivation(hash)), next: 0 });
  };
  for (const root of roots) {
    enter(root);
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      const need = frame.needs[frame.next++];
      if (need !== undefined) {
        enter(need);
      } else {
        order.push(frame.hash);
        stack.pop();
      }
    }
  }
  return order;
}

/**
 * For each derivation the expected seconds from its start to the end of the last root: what the critical path is taken
 * by. `seconds` estimates one derivation.
 */
export function criticalRanks(
  roots: readonly DrvHash[],
  derivation: DerivationOf,
  seconds: (drv: Derivation) => number,
): ReadonlyMap<DrvHash, number> {
  const ranks = new Map<DrvHash, number>();
  for (const hash of topological(roots, derivation).reverse()) {
    const drv = derivation(hash);
    const rank = (ranks.get(hash) ?? 0) + seconds(drv);
    ranks.set(hash, rank);
    for (const need of neededDrvs(drv)) ranks.set(need, Math.max(ranks.get(need) ?? 0, rank));
  }
  return ranks;
}

/** For each derivation that the roots need, the one that wants it on the shortest way from a root; null for a root. */
export function shortestWays(
  roots: readonly DrvHash[],
  derivation: DerivationOf,
): ReadonlyMap<DrvHash, DrvHash | null> {
  const wantedBy = new Map<DrvHash, DrvHash | null>(roots.map((root) => [root, null]));
  for (const hash of wantedBy.keys()) {
    for (const need of neededDrvs(derivation(hash))) if (!wantedBy.has(need)) wantedBy.set(need, hash);
  }
  return wantedBy;
}

/** Names from a root down to `target`; the target alone if no root needs it. */
export function namesDownTo(
  target: DrvHash,
  ways: ReadonlyMap<DrvHash, DrvHash | null>,
  derivation: DerivationOf,
): string[] {
  const names: string[] = [];
  for (let hash: DrvHash | null | undefined = target; hash; hash = ways.get(hash)) names.push(derivation(hash).name);
  return names.reverse();
}
