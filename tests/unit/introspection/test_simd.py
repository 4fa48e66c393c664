"""Vectors in kernels: each operation is what numpy does to each number, at any place of an array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from csi_introspection.simd import LANES, add, larger, less, load, load_one, smaller, store, store_one, times
from numba import njit
from numba.core.errors import TypingError


@njit  # type: ignore[untyped-decorator]
def combine(first: Any, at: int, second: Any, out: Any, place: int) -> None:
    """Write every operation on ``first`` from ``at`` on and ``second`` to the rows of ``out`` from ``place`` on."""
    a, b, width = load(first, at), load(second, 0), out.shape[1]
    store(out, place, add(a, b))
    store(out, width + place, times(a, b))
    store(out, 2 * width + place, less(a, b))
    store(out, 3 * width + place, smaller(a, b))
    store(out, 4 * width + place, larger(a, b))
    store_one(out, 5 * width + place, np.float32(2.0) * load_one(first, at))


@njit  # type: ignore[untyped-decorator]
def load_of(array: Any) -> Any:
    """Take the first numbers of any array."""
    return load_one(array, 0)


def test_every_operation_takes_number_by_number() -> None:
    """At places that no processor calls aligned, and with nothing around them touched."""
    rng = np.random.default_rng(1)
    first = rng.normal(size=(3, LANES)).astype(np.float32)
    second = rng.normal(size=LANES).astype(np.float32)
    second[3] = first.reshape(-1)[LANES + 4 + 3]
    for at in (0, 1, LANES + 4, 2 * LANES):
        for place in (0, 3):
            out = np.full((6, LANES + 5), 7.0, np.float32)
            combine(first, at, second, out, place)
            a, b = first.reshape(-1)[at : at + LANES], second
            expected = np.full((6, LANES + 5), 7.0, np.float32)
            rows = [a + b, a * b, a - b, np.minimum(a, b), np.maximum(a, b)]
            expected[:5, place : place + LANES] = rows
            expected[5, place] = 2 * a[0]
            np.testing.assert_array_equal(out, expected)


def test_other_arrays_are_refused_when_compiled() -> None:
    """Numbers of another width, or with gaps between them, would be read as something they are not."""
    assert load_of(np.array([4.0], np.float32)) == 4.0
    for array in (np.zeros(4), np.zeros((4, 4), np.float32)[:, ::2], np.zeros(4, np.int32)):
        with pytest.raises(TypingError):
            load_of(array)
