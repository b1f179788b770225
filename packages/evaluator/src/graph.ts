/** Reads the graph of an evaluation. A module of its own since it brings core, which a hit without derivations leaves alone. */
import { type Derivation, type DrvHash, decodeGraph } from "@cab/core";

export function graphLookup(graph: Uint8Array): (hash: DrvHash) => Derivation | undefined {
  const lookup = decodeGraph(graph);
  if (lookup === undefined) throw new Error("BUG: the graph of an evaluation cannot be decoded");
  return lookup;
}
