/** The compiler that packages for `libc: "source"` see. */
import { ccWrapperFor } from "./cc-wrapper.ts";
import libcSource from "./libc-source.ts";

export default ccWrapperFor({ libc: libcSource, libcDev: libcSource.outputs.dev });
