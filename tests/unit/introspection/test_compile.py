"""Compiled kernels are cached, and an edit anywhere in the package voids the cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from csi_introspection import _compile, dtw, stream

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


def run(folder: Path) -> list[str]:
    """Run the two-module program with a cache of its own; its answer and cache hits."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "caller.py"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_an_edit_of_a_called_file_reaches_cached_callers(tmp_path: Path) -> None:
    """The second run takes the cache; after an edit of the helper only, the caller's answer is the new one."""
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "helper.py").write_text(HELPER.format(value=1))
    assert run(tmp_path) == ["1", "0"]
    assert run(tmp_path) == ["1", "1"]
    (tmp_path / "helper.py").write_text(HELPER.format(value=2))
    assert run(tmp_path) == ["2", "0"]


def test_every_kernel_carries_the_packages_digest() -> None:
    """The stamp numba compares is the digest of the whole package, for kernels of any file."""
    digest = _compile.source_digest(Path(_compile.__file__).parent)
    compiled: Any
    for compiled in (dtw.advance_cells, stream.advance_frame):
        assert compiled._cache._cache_file._source_stamp == digest


def test_the_digest_knows_names_and_texts(tmp_path: Path) -> None:
    """Renaming or editing a file gives another digest."""
    (tmp_path / "a.py").write_text("x = 1")
    first = _compile.source_digest(tmp_path)
    (tmp_path / "a.py").write_text("x = 2")
    second = _compile.source_digest(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, _compile.source_digest(tmp_path)}) == 3


def test_one_specialisation_serves_every_stream() -> None:
    """Streams of any shape, with any number of signatures, run the code that warm-up compiled."""
    stream.warm_up()
    compiled: Any = stream.advance_frame
    before = len(compiled.signatures)
    from csi_introspection.reference import references  # noqa: PLC0415 - after the count
    from unit.introspection.rooms import room  # noqa: PLC0415

    for antennas, subcarriers, library in ((1, 64, references()), (2, 128, []), (1, 192, references()[:1])):
        analysed = stream.FrameStream(antennas, subcarriers, library)
        for iq in room(20, 0, antennas=antennas, subcarriers=subcarriers):
            iq.flags.writeable = False
            analysed.advance(iq)
    assert len(compiled.signatures) == before
