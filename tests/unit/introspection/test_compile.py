"""Compiled kernels are cached, and an edit anywhere in the package voids the cache."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from csi_introspection import _compile, bundle, stream
from csi_introspection.measure import measure
from csi_introspection.offline import analyse
from csi_introspection.reference import references
from csi_runtime.kernel_cache import cached_under, source_digest
from numba.core.dispatcher import Dispatcher
from support.kernels import follows_edits, needs_scipy
from unit.introspection.rooms import feed, room

HELPER = """
from csi_introspection._compile import kernel_decorator
from pathlib import Path
kernel = kernel_decorator(Path(__file__).parent)

@kernel
def constant():
    return {value}
"""
CALLER = """
from helper import constant, kernel

@kernel
def answer():
    return constant()

print(answer(), sum(answer.stats.cache_hits.values()))
"""


def test_an_edit_of_a_called_file_reaches_cached_callers(tmp_path: Path) -> None:
    """The second run takes the cache; after an edit of the helper only, the caller's answer is the new one."""
    follows_edits(tmp_path, CALLER, HELPER)


def kernels() -> dict[str, Any]:
    """Every compiled function that a module of the package defines."""
    package = Path(_compile.__file__).parent
    found = {}
    for file in package.glob("*.py"):
        if file.stem != "__main__":
            module = import_module(f"csi_introspection.{file.stem}")
            for name, thing in vars(module).items():
                if isinstance(thing, Dispatcher) and thing.py_func.__module__ == module.__name__:
                    found[f"{file.stem}.{name}"] = thing
    return found


def test_every_kernel_carries_the_packages_digest() -> None:
    """The stamp numba compares is the digest of the whole package, for kernels of any file, ``bundle`` included."""
    digest = source_digest(Path(_compile.__file__).parent, _compile.KERNELS)
    found = kernels()
    assert {"dtw.advance_cells", "frame.advance_frame", "bundle.bundle", "onset.advance_onset"} <= set(found)
    stale = {name for name, compiled in found.items() if cached_under(compiled) != digest}
    assert stale == set()


def test_no_kernel_needs_scipy() -> None:
    """The service's image has none; where it is installed, such a kernel compiles and only the image fails."""
    assert {name: found for name, compiled in kernels().items() if (found := needs_scipy(compiled.py_func))} == {}


def test_numbas_own_constructor_of_the_state_is_not_used() -> None:
    """It compiles at every start, as numba caches none: streams make their state by ``bundle``, which is cached."""
    stream.FrameStream(1, 64, [])
    stream.warm_up()
    assert bundle.bundle.signatures  # type: ignore[attr-defined]
    assert "_StructRefProxy__numba_ctor" not in {name for kind in bundle.State.__mro__ for name in vars(kind)}


def test_one_specialisation_serves_every_stream() -> None:
    """Streams of any shape and rate, of vectors or frames, with and without signatures, run what warm-up compiled."""
    stream.warm_up()
    before = {name: len(compiled.signatures) for name, compiled in kernels().items()}
    assert before["frame.advance_frame"] == before["bundle.bundle"] == 1
    library = references()
    for antennas, subcarriers, signatures in ((1, 64, library), (2, 128, []), (2, 128, library), (1, 192, library[:1])):
        iq = room(200, 0, antennas=antennas, subcarriers=subcarriers)
        for rate_hz in (10.0, 100.0):
            analysed = stream.FrameStream(antennas, subcarriers, signatures)
            feed(analysed, iq, rate_hz=rate_hz)
            analysed.replace_library(library[1:])
            feed(analysed, iq[:5], rate_hz=rate_hz)
        for frames in (iq.reshape(200, antennas, subcarriers, 2), np.ones((200, antennas, subcarriers))):
            analyse(frames, signatures)
    plain = stream.VectorStream(np.ones(3), [])
    plain.advance(np.ones(3, np.float32))
    measure(frames=10, signatures=1)
    after = {name: len(compiled.signatures) for name, compiled in kernels().items()}
    of_the_baseline = {"measure.all_starts", "measure.cell_costs", "measure.whole_distance"}
    grown = {name for name in before if after[name] > before[name] and after[name] > 1}
    assert grown - of_the_baseline == set()
    assert after["frame.advance_frame"] == after["bundle.bundle"] == 1
