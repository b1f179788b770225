/** The part of yauzl 3 that this package uses; the library has no declarations of its own. */
declare module "yauzl" {
  import type { Readable } from "node:stream";

  export interface Entry {
    readonly versionMadeBy: number;
    readonly generalPurposeBitFlag: number;
    readonly externalFileAttributes: number;
    readonly uncompressedSize: number;
    readonly crc32: number;
    /** Raw bytes, since `decodeStrings` is off. */
    readonly fileName: Buffer;
    readonly extraFields: readonly { readonly id: number; readonly data: Buffer }[];
    readonly isEncrypted: () => boolean;
  }

  export interface ZipFile {
    readonly eachEntry: () => AsyncIterable<Entry>;
    readonly openReadStreamPromise: (entry: Entry) => Promise<Readable>;
    readonly close: () => void;
  }

  export function openPromise(
    path: string,
    options: { readonly decodeStrings: false; readonly autoClose: false },
  ): Promise<ZipFile>;

  /** `extraFields` are looked at for a Unicode name; otherwise the flag decides between UTF-8 and CP437. */
  export function getFileNameLowLevel(
    generalPurposeBitFlag: number,
    fileNameBuffer: Buffer,
    extraFields: Entry["extraFields"],
    strictFileNames: boolean,
  ): string;
}
