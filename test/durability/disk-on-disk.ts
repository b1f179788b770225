/** Folders as the model's disks, and the other way round. Knows no store. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { Disk, Inode, Node } from "./file-system.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

/** The folder becomes the disk's root. What has several names becomes one inode. */
export function readDisk(folder: string): Disk {
  const nodes = new Map<Inode, Node>();
  const inodes = new Map<number, Inode>();
  const read = (file: Buffer): Inode => {
    const stat = lstatSync(file);
    const known = inodes.get(stat.ino);
    if (known !== undefined) return known;
    const inode = inodes.size;
    inodes.set(stat.ino, inode);
    const [mode, time] = [stat.mode & 0o7777, Math.floor(stat.mtimeMs / 1000)];
    if (stat.isDirectory()) {
      const names = readdirSync(file, { encoding: "buffer" }).sort(Buffer.compare);
      const entries = new Map(
        names.map((name) => [name.toString("latin1"), read(Buffer.concat([file, bytes("/"), name]))] as const),
      );
      nodes.set(inode, { _tag: "Directory", mode, time, entries });
    } else if (stat.isSymbolicLink()) {
      nodes.set(inode, {
        _tag: "Symlink",
        time,
        target: readlinkSync(file, { encoding: "buffer" }).toString("latin1"),
      });
    } else if (stat.isFile()) {
      nodes.set(inode, { _tag: "File", mode, time, content: readFileSync(file) });
    } else {
      nodes.set(inode, { _tag: "Socket" });
    }
    return inode;
  };
  return { root: read(Buffer.from(folder)), nodes };
}

/**
 * Makes `folder`, which must not exist, as the disk says. A socket becomes an empty file: connecting to it is refused, as
 * it is to the socket of a process that has ended.
 */
export function writeDisk({ root, nodes }: Disk, folder: string): void {
  const written = new Map<Inode, Buffer>();
  const write = (inode: Inode, file: Buffer): void => {
    const node = nodes.get(inode);
    if (node === undefined) throw new Error(`BUG: inode ${inode} was never made`);
    const other = written.get(inode);
    if (other !== undefined) {
      linkSync(other, file);
      return;
    }
    written.set(inode, file);
    switch (node._tag) {
      case "Directory":
        mkdirSync(file, { mode: 0o700 });
        for (const [name, below] of node.entries) write(below, Buffer.concat([file, bytes("/"), bytes(name)]));
        break;
      case "Symlink":
        symlinkSync(bytes(node.target), file);
        break;
      default:
        writeFileSync(file, node._tag === "File" ? node.content : "");
    }
    if (node._tag === "Directory" || node._tag === "File") chmodSync(file, node.mode);
    if (node._tag !== "Socket" && node.time !== null) lutimesSync(file, node.time, node.time);
  };
  write(root, Buffer.from(folder));
}

/** Everything but times, and what LMDB writes to its lock file through memory: to compare two disks by. */
export function describeDisk({ root, nodes }: Disk): Record<string, string> {
  const described: Record<string, string> = {};
  const first = new Map<Inode, string>();
  const describe = (inode: Inode, path: string): void => {
    const node = nodes.get(inode);
    if (node === undefined) throw new Error(`BUG: inode ${inode} was never made`);
    const same = first.get(inode);
    first.set(inode, same ?? path);
    if (same !== undefined) described[path] = `as ${same}`;
    else if (node._tag === "Symlink") described[path] = `-> ${node.target}`;
    else if (node._tag === "Socket") described[path] = "socket";
    else if (node._tag === "File") {
      const content = path.endsWith("/lock.mdb") ? "" : node.content.toString("latin1");
      described[path] = `${node.mode.toString(8)} ${content}`;
    } else {
      described[path] = `${node.mode.toString(8)}/`;
      for (const name of [...node.entries.keys()].sort()) describe(node.entries.get(name) as Inode, `${path}/${name}`);
    }
  };
  describe(root, "");
  return described;
}
