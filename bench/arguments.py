"""The command line of a benchmark."""

from __future__ import annotations

import argparse


def parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of ``csiflow bench NAME``, whose help says what its module says."""
    return argparse.ArgumentParser(
        prog=f"csiflow bench {name} --", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
