/** A small file system of a test's own, mounted in namespaces of its own: no privileges are needed, and nothing stays. */
import { spawnSync } from "node:child_process";

const OWN_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"];

/** Whether this host lets us. */
export const mayMount = spawnSync(OWN_NAMESPACE[0] as string, [...OWN_NAMESPACE.slice(1), "true"]).status === 0;

/** Words that run a program where `root` is a tmpfs with these options. `then`: shell commands to run after it, on success. */
export const onSmallDisk = (root: string, options: string, then = "true"): string[] => [
  ...OWN_NAMESPACE,
  "sh",
  "-c",
  `options=$1; shift; mount -t tmpfs -o "$options" tmpfs "$0" && "$@" && ${then}`,
  root,
  options,
];
