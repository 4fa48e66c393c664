"""``python -m csi_schemas.generate [--check | --release]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from csi_schemas.generate import files


def main() -> int:
    """Write, check or release; the exit code is 1 when the check fails or a release would break ``v1``."""
    parser = argparse.ArgumentParser(prog="python -m csi_schemas.generate", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; say what is stale or incompatible")
    what.add_argument("--release", action="store_true", help="also make the schemas the baseline of released/v1")
    parser.add_argument("--root", type=Path, default=files.DISTRIBUTION, help="the schemas folder of a checkout")
    arguments = parser.parse_args()
    breaking = files.incompatible(arguments.root)
    for breakage in breaking:
        sys.stderr.write(f"incompatible with the released v1: {breakage}\n")
    if arguments.check:
        complaints = files.stale(arguments.root)
        for complaint in complaints:
            sys.stderr.write(f"{complaint}; run: python -m csi_schemas.generate\n")
        return 1 if complaints or breaking else 0
    written = files.write(arguments.root)
    if arguments.release:
        if breaking:
            sys.stderr.write("not released: a new version of the topic is needed for such a change\n")
            return 1
        written += files.release(arguments.root)
    for path in written:
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
