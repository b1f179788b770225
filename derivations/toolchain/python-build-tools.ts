/**
 * What makes a wheel of a Python project and installs it: two build backends, setuptools and flit, the installer, and what
 * reads version requirements. One piece, since each would need others of them to be built: here each becomes a wheel by
 * itself or by the one before it, and unpacking is all there is to installing a wheel of Python alone.
 */
import { debianSource, sh } from "@cab/core";
import { pythonPhases } from "../lib/python-phases.ts";
import { scripted } from "../lib/scripted.ts";
import python3 from "../libraries/python3.ts";

/** bookworm's setuptools cannot make a wheel without a further package. */
const suite = "trixie";

export default scripted({
  name: "python-build-tools",
  version: "78.1.1",
  source: ({ version }) => debianSource({ suite, package: "setuptools", file: `setuptools_${version}.orig.tar.gz` }),
  outputs: [],
  inputs: { python3 },
  env: {
    flit: debianSource({ suite, package: "flit", file: "flit_3.12.0.orig.tar.gz" }),
    others: [
      debianSource({ suite, package: "python-installer", file: "python-installer_0.7.0+dfsg1.orig.tar.xz" }),
      debianSource({ suite, package: "python-packaging", file: "python-packaging_25.0.orig.tar.gz" }),
    ],
  },
  build: ({ inputs }) => sh`${pythonPhases(inputs.python3)}
PYTHONPATH=$out/$site
mkdir -p "$out/$site"
buildNext() {
  pythonBuild
  python3 -m zipfile --extract /build/wheel/*.whl "$out/$site"
  rm -r /build/source /build/wheel
}
buildNext
unpackSource "$flit"
cd flit_core
buildNext
for archive in $others; do
  unpackSource "$archive"
  buildNext
done
pythonFinish setuptools flit_core installer packaging`,
});
