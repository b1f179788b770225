/** The same program for any sqlite: it is told only which package to use. */
import { type AnyPackage, local } from "@cab/core";
import { make } from "@cab/derivations/lib/make.ts";

export const rows = (name: string, inputs: Readonly<Record<string, AnyPackage>>) =>
  make({
    name,
    version: "1",
    source: local(import.meta, "../rows"),
    inputs,
    outputs: [],
    make: () => [`NAME=${name}`],
    install: ({ out }) => ["install", `NAME=${name}`, `PREFIX=${out}`],
    provides: { bins: [name, `${name}-plain`] },
  });
