/** The builtins that this cab knows; a new one is a file beside this one and a line here. */
import type { Builtin } from "./builtin.ts";
import { fetch } from "./fetch.ts";
import { git } from "./git.ts";
import { local } from "./local.ts";
import { union } from "./union.ts";
import { unpack } from "./unpack.ts";
import { write } from "./write.ts";

export const BUILTINS: readonly Builtin[] = [fetch, git, local, union, unpack, write];
