/** What a switch is to make a generation of: an object, and this instance's parameters as they are now. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { referencesFirst, type StorePath, totalSize } from "@cab/core";
import { findWorkspaces } from "@cab/evaluator";
import { onDisk, parseParams, Refused, type SwitchRequest, secretFound } from "@cab/profile";
import type { Store } from "@cab/store";
import * as E from "fp-ts/lib/Either.js";
import { LOGICAL_ROOT } from "./cab-root.ts";
import { type RoleHost, readManifest } from "./role-host.ts";
import type { Host } from "./verb.ts";
import { evaluatorOptions } from "./wiring.ts";
import { workspaceCommit } from "./workspace-commit.ts";

/** More than anybody writes by hand. */
const PARAMS_LIMIT = 2 ** 20;

interface Wanted {
  readonly path: StorePath;
  readonly root: string;
  readonly start: boolean;
}

export async function switchRequest(host: Host, role: RoleHost, { path, root, start }: Wanted): Promise<SwitchRequest> {
  const params = checkedParams(role, root);
  const workspaces = findWorkspaces(evaluatorOptions(host, root));
  const workspace = E.isRight(workspaces) ? workspaces.right[0]?.root : undefined;
  return {
    path,
    params,
    draft: `${LOGICAL_ROOT}/etc/${role.role}.params`,
    made: Math.floor(Date.now() / 1000),
    commit: await workspaceCommit(host, workspace ?? host.cwd),
    start,
  };
}

/** Throws unless the object is the role of this name, and no larger than it says; before anything is made of it. */
export function requireRole(store: Store, path: StorePath, role: string): void {
  const { name, sizeBudget: budget } = readManifest(store, path);
  if (name !== role) throw new Refused({ _tag: "OtherRole", asked: role, found: name });
  const bytes = budget === null ? 0 : totalSize(referencesFirst([path], store.object));
  if (budget !== null && bytes > budget) throw new Refused({ _tag: "OverBudget", role, bytes, budget });
}

function checkedParams({ role, secrets }: RoleHost, root: string): Uint8Array {
  const file = join(root, "etc", `${role}.params`);
  const params = onDisk("read the parameters", file, () => contentOf(file));
  const parsed = parseParams(new TextDecoder().decode(params));
  if (E.isLeft(parsed)) throw new Refused({ _tag: "BadParams", file, ...parsed.left });
  // It would be copied to where everybody may read it.
  const secret = secretFound(params, secrets);
  if (secret !== undefined) throw new Refused({ _tag: "SecretFound", secret, file });
  return params;
}

function contentOf(file: string): Uint8Array {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return new Uint8Array();
  if (stat.size > PARAMS_LIMIT)
    throw new Refused({ _tag: "BadParams", file, line: 1, reason: "the file is too large" });
  return readFileSync(file);
}
