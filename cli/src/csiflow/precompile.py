"""``python -m csiflow.precompile [SERVICE ...]``: compile the kernels of the consumers, or find them in the cache.

Test processes that run side by side would otherwise each compile the same kernels, and the first services they start
would seem to hang meanwhile. What ``csiflow up`` and ``csiflow demo`` compile first, they compile with this.
"""

from __future__ import annotations

import sys
from importlib import import_module
from time import perf_counter

from csiflow.kernels import PACKAGES, note_compiled
from csiflow.output import console


def main(services: list[str]) -> None:
    """Import what compiles on import, run what compiles on its first call."""
    console.print("compiling the kernels; the first time takes a minute or two ...")
    began = perf_counter()
    for service in services or PACKAGES:
        if service == "events":
            import_module("csi_events.app")
        else:
            import_module("csi_introspection.stream").warm_up()
        note_compiled(service)
    console.print(f"the kernels are ready after {perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
