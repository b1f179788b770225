/** Archives for tests, hostile ones among them: made from parts, or recorded where Node cannot write the format. */
import { pack } from "tar-stream";

/** One ustar header and its content, with any field as wrong as a test wants it. Names are byte strings. */
export interface TarEntry {
  readonly name: string;
  readonly type?: string;
  readonly text?: string;
  readonly mode?: number;
  readonly target?: string;
  /** What the header says, where that is not the text's length. */
  readonly size?: number;
}

export function tar(entries: readonly TarEntry[], end = Buffer.alloc(1024)): Buffer {
  return Buffer.concat([...entries.map(tarEntry), end]);
}

function tarEntry({ name, type = "0", text = "", mode = 0o644, target = "", size }: TarEntry): Buffer {
  const content = Buffer.from(text, "latin1");
  const header = Buffer.alloc(512);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, "0")}\0`;
  header.write(name, 0, 100, "latin1");
  header.write(octal(mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size ?? content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(target, 157, 100, "latin1");
  header.write("ustar\x00\x30\x30", 257);
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      7,
    ),
    148,
  );
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** By the library's writer: long names and sizes as pax headers. */
export async function paxTar(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const writer = pack();
  for (const [name, text] of Object.entries(files)) writer.entry({ name }, text);
  writer.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of writer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export function deb(data: Buffer, name = "data.tar.gz"): Buffer {
  const member = (title: string, bytes: Buffer): Buffer => {
    const header = `${title.padEnd(16)}${"0".padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}`;
    const padding = Buffer.alloc(bytes.length % 2, "\n");
    return Buffer.concat([Buffer.from(`${header}${String(bytes.length).padEnd(10)}\`\n`), bytes, padding]);
  };
  const control = member("control.tar.gz", Buffer.from("never read"));
  return Buffer.concat([
    Buffer.from("!<arch>\n"),
    member("debian-binary", Buffer.from("2.0\n")),
    control,
    member(name, data),
  ]);
}

const recorded = (base64: string): Buffer => Buffer.from(base64, "base64");

/** A tar archive of `d/x` ("hello\n"), by xz -9. */
export const XZ = recorded(
  "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AHRdADILvBunjDRE4cIHdej848CShFl/kuqyHyAHTAPA/N3wIq9BECLaeNlGbGUSjO9o4Ek9C2v0AHx0z9YlQNqOKG8SI6qeYKhkjenugG9tRFTcQmCuKemotWCTHLC7rlXka9Cz9mL9Ez21IHxYqereyblhgLAAAGfpKO4BDZ56AAGQAYBQAAClc7ZiscRn+wIAAAAABFla",
);
/** The same by bzip2 -9. */
export const BZIP2 = recorded(
  "QlpoOTFBWSZTWYuizBAAAJj7kMmQABBAAO+EAANmRJ5ABAAACCAAdBJIgAANAaaCSkNpNDQAAD6J7VbOw9ICMEhIuf0MX0zBYzhiAJDgXjlyPMtHCUwwJbweQGETFl5B1eD4buqqZmFE4l63sSJIkSPrRIPxdyRThQkIuizBAA==",
);
/** `d/x` (executable, deflated), `d/l` (a link to x), `d/e/`. */
export const ZIP = recorded(
  "UEsDBBQAAAAIAAAAIQAwSB1WCwAAADwAAAADAAAAZC94y0jNycnnyiCLBABQSwMEFAAAAAAAAAAhAIMW3IwBAAAAAQAAAAMAAABkL2x4UEsDBBQAAAAAAAAAIQAAAAAAAAAAAAAAAAAEAAAAZC9lL1BLAQIUAxQAAAAIAAAAIQAwSB1WCwAAADwAAAADAAAAAAAAAAAAAADtgQAAAABkL3hQSwECFAMUAAAAAAAAACEAgxbcjAEAAAABAAAAAwAAAAAAAAAAAAAA/6EsAAAAZC9sUEsBAhQDFAAAAAAAAAAhAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAO1BTgAAAGQvZS9QSwUGAAAAAAMAAwCUAAAAcAAAAAAA",
);
/** `big` ("zip64"), its sizes in a zip64 field. */
export const ZIP64 = recorded(
  "UEsDBC0AAAAAAAAAIQBqujfP//////////8DABQAYmlnAQAQAAUAAAAAAAAABQAAAAAAAAB6aXA2NFBLAQItAy0AAAAAAAAAIQBqujfPBQAAAAUAAAADAAAAAAAAAAAAAACAAQAAAABiaWdQSwUGAAAAAAEAAQAxAAAAOgAAAAAA",
);
/** `../x`. */
export const ZIP_SLIP = recorded(
  "UEsDBBQAAAAAAAAAIQCDFtyMAQAAAAEAAAAEAAAALi4veHhQSwECFAMUAAAAAAAAACEAgxbcjAEAAAABAAAABAAAAAAAAAAAAAAAgAEAAAAALi4veFBLBQYAAAAAAQABADIAAAAjAAAAAAA=",
);
