import { fromDebian } from "../../lib/from-debian.ts";

export default fromDebian({ name: "liblz4-1" });
