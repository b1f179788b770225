/** Whether a suite's release file is signed by Debian: asked of the host's own gpgv and archive keys, where it has them. */
import { existsSync } from "node:fs";
import { execa } from "execa";

const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

export type Signature =
  | { readonly _tag: "Good" }
  | { readonly _tag: "Bad"; readonly reason: string }
  /** The host has no gpgv or no keys of Debian's. */
  | { readonly _tag: "Unverifiable" };

/** Source: gpgv(1); exit code 0 means that every signature was made by a key of the keyring. */
export async function releaseSignature(file: string, path: string | undefined): Promise<Signature> {
  const keyring = KEYRINGS.find((candidate) => existsSync(candidate));
  if (keyring === undefined) return { _tag: "Unverifiable" };
  const { exitCode, stderr } = await execa("gpgv", ["--keyring", keyring, file], {
    extendEnv: false,
    env: { PATH: path, LC_ALL: "C" },
    stdin: "ignore",
    reject: false,
  });
  if (exitCode === undefined) return { _tag: "Unverifiable" };
  return exitCode === 0 ? { _tag: "Good" } : { _tag: "Bad", reason: stderr.trim().split("\n").at(-1) ?? "" };
}
