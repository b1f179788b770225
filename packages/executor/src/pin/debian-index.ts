/**
 * Debian's archive indices: which file of the pool a package is, its size and its digest. Text in, facts out; knows
 * nothing of where the text comes from.
 *
 * Source: Debian Policy, chapter 5 (control files), and the Debian repository format, "Release" and "Packages" indices.
 */

export interface PoolFile {
  /** Relative to the archive's root: `pool/main/…`. */
  readonly path: string;
  readonly size: number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** What a suite's `Release` promises of its indices, by path relative to the suite: `main/source/Sources.xz`. */
export function parseRelease(text: string): ReadonlyMap<string, PoolFile> {
  const files = new Map<string, PoolFile>();
  for (const line of field(text, "SHA256")?.split("\n") ?? []) {
    const file = checksumLine(line);
    if (file !== undefined) files.set(file.path, file);
  }
  return files;
}

/** The newest-listed binary package of each wanted name; a name that the index lacks is absent. */
export function findBinaries(packages: string, wanted: ReadonlySet<string>): ReadonlyMap<string, PoolFile> {
  const found = new Map<string, PoolFile>();
  for (const [name, stanza] of stanzas(packages, wanted)) {
    const path = field(stanza, "Filename");
    const size = Number(field(stanza, "Size"));
    const sha256 = field(stanza, "SHA256");
    if (path !== undefined && isDigest(sha256) && Number.isSafeInteger(size)) found.set(name, { path, size, sha256 });
  }
  return found;
}

/** The files of each wanted source package, by `<package>/<file>`. */
export function findSources(sources: string, wanted: ReadonlySet<string>): ReadonlyMap<string, PoolFile> {
  const found = new Map<string, PoolFile>();
  for (const [name, stanza] of stanzas(sources, wanted)) {
    const directory = field(stanza, "Directory");
    for (const line of field(stanza, "Checksums-Sha256")?.split("\n") ?? []) {
      const file = checksumLine(line);
      if (file === undefined || directory === undefined) continue;
      found.set(`${name}/${file.path}`, { ...file, path: `${directory}/${file.path}` });
    }
  }
  return found;
}

/** Stanzas of the wanted packages only: the index of a suite has 60,000. */
function* stanzas(index: string, wanted: ReadonlySet<string>): Generator<[string, string]> {
  const start = /^Package: (.+)$/gm;
  for (let match = start.exec(index); match !== null; match = start.exec(index)) {
    const name = match[1] as string;
    if (!wanted.has(name)) continue;
    const end = index.indexOf("\n\n", match.index);
    // Package is not always a stanza's first field.
    const begin = index.lastIndexOf("\n\n", match.index);
    yield [name, index.slice(begin === -1 ? 0 : begin + 2, end === -1 ? undefined : end)];
  }
}

/** A field's value with its continuation lines. */
function field(stanza: string, name: string): string | undefined {
  const match = new RegExp(`^${name}:[ \\t]*(.*(?:\\n[ \\t].*)*)`, "m").exec(stanza);
  return match?.[1]?.trim();
}

function checksumLine(line: string): PoolFile | undefined {
  const [sha256, size, path] = line.trim().split(/\s+/);
  return path !== undefined && isDigest(sha256) && /^\d+$/.test(size ?? "")
    ? { sha256, size: Number(size), path }
    : undefined;
}

const isDigest = (text: string | undefined): text is string => text !== undefined && /^[0-9a-f]{64}$/.test(text);
