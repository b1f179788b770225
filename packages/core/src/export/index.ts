export { type ByteQueue, byteQueue } from "./byte-queue.ts";
export {
  type ExportHeader,
  encodeExportedRealisation,
  encodeExportHeader,
  exportMagic,
  ITEM,
  type ItemType,
  itemHead,
} from "./format.ts";
export { type Digester, type ExportEvent, type ReaderOptions, readExport } from "./reader.ts";
export { entryPath, type FilePlace, type RecentFiles, recentFiles } from "./recent-files.ts";
export { type Export, type ExportItem, exportItems } from "./writer.ts";
