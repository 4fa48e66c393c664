"""``python -m csiflow.precompile``: compile the kernels of both consumers, or find them in the cache on disk.

Test processes that run side by side would otherwise each compile the same kernels, and the first services they start
would seem to hang meanwhile.
"""

from __future__ import annotations

from importlib import import_module
from time import perf_counter

from csiflow.output import console


def main() -> None:
    """Import what compiles on import, run what compiles on its first call."""
    console.print("compiling the kernels; the first time takes a minute or two ...")
    began = perf_counter()
    import_module("csi_events.app")
    import_module("csi_introspection.stream").warm_up()
    console.print(f"the kernels are ready after {perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
