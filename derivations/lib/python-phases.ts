/** The shell library `python/`, set up for one interpreter: for Python packages, and for what embeds the interpreter. */
import { type AnyPackage, local, sh, type Text } from "@cab/core";

const library = local(import.meta, "./python");

/** `packages` can be imported while building. */
export const pythonPhases = (python: AnyPackage, packages: readonly AnyPackage[] = []): Text => sh`python=${python}
packages=(${packages})
library=${library}
source "$library/phases.sh"`;
