/** Reads the graph of an evaluation. A module of its own since it brings core, which a hit without derivations leaves alone. */
export { decodeGraph } from "@cab/core";
