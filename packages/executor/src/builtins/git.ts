/**
 * `builtin:git@1`: the files of one commit of a git repository, promised by the digest of their tree.
 *
 *     url      https://…, ssh://…, git://…, file:///… or user@host:path; without a password
 *     commit   all digits of its name
 *
 * The output is a fixed tree: exactly the commit's files, links and executable bits. The host's own git fetches it, so
 * whatever its user may read can be had; the repository itself runs nothing.
 */
import { gitUrlFault, isCommit } from "@cab/core";
import { fail } from "../failure.ts";
import { fetchTree } from "../git/fetch-tree.ts";
import type { Builtin } from "./builtin.ts";

export const git: Builtin = {
  name: "builtin:git@1",
  keys: ["url", "commit"],
  run: async ({ args, job, host, out }) => {
    const spec = job.drv.outputs.out;
    if (spec?._tag !== "FixedOutput" || spec.mode !== "tree" || spec.algo !== "sha256") {
      return args.bad("its output must be a tree that is fixed by sha256");
    }
    const url = args.required("url");
    const fault = gitUrlFault(url);
    if (fault !== undefined) args.bad(fault.reason);
    const commit = args.required("commit");
    if (!isCommit(commit)) args.bad(`"${commit}" is not the whole name of a commit`);
    const { signal, onBytes, scratch } = job;
    const repository = { url, folder: `${scratch.buildDir}/repository`, host: host.git, signal, onBytes };
    const { digest: actual, bytes } = await fetchTree(repository, commit, { out, limits: host.unpackLimits });
    const { algo, digest: expected } = spec;
    if (actual !== expected)
      fail({ _tag: "DigestMismatch", url: `${url}, commit ${commit}`, algo, expected, actual, bytes });
  },
};
