/**
 * Where the bundle begins. Has V8 keep what it compiles of the bundle beside it, for the next start to load (12 ms);
 * where that folder cannot be written, every start compiles. Knows nothing of the command.
 */
import { enableCompileCache } from "node:module";
import { join } from "node:path";

enableCompileCache(join(import.meta.dirname, "compiled"));
await import("./main.ts");
