"""Checks that whatever the distributions in a directory say they require is installed, in a version they accept."""

import importlib.metadata
import sys

from packaging.requirements import Requirement

missing = 0
for distribution in importlib.metadata.distributions(path=[sys.argv[1]]):
    for requirement in map(Requirement, distribution.requires or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            found = None
        if found and requirement.specifier.contains(found, prereleases=True):
            continue
        print(
            f"{distribution.name} requires {requirement}, found {found or 'none'}; add the package that has it to inputs",
            file=sys.stderr,
        )
        missing += 1
sys.exit(missing > 0)
