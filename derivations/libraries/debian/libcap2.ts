import { fromDebian } from "../../lib/from-debian.ts";

export default fromDebian({ name: "libcap2" });
