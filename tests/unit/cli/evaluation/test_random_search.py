"""Random search: what it draws lies where it was asked to look, and the best of it is where the cost is least."""

from __future__ import annotations

import math

import numpy as np
import pytest
from csiflow.evaluation.random_search import Constants, Ranges, Tried
from hypothesis import given
from hypothesis import strategies as st

WIDE = Ranges({"plain": (-2.0, 3.0), "ratio": (0.01, 100.0)}, frozenset({"ratio"}), spread=0.1, moved=0.5, best=10)


def within(constants: Constants) -> bool:
    """Whether every constant lies in its range, up to the rounding of a logarithm and back."""
    return all(
        min(abs(constants[name] - low), abs(constants[name] - high)) < 1e-9 or low <= constants[name] <= high
        for name, (low, high) in WIDE.bounds.items()
    )


@given(st.integers(0, 2**32 - 1))
def test_every_draw_lies_within_its_range(seed: int) -> None:
    """Neither a draw over the ranges nor one near the best leaves them."""
    rng = np.random.default_rng(seed)
    tried: list[Tried] = [(rng.random(), WIDE.draw(rng)) for _ in range(10)]
    tried.append((0.0, {"plain": 3.0, "ratio": 0.01}))
    assert all(within(constants) for _, constants in tried)
    assert all(within(WIDE.near_best(rng, tried)) for _ in range(20))


def test_ratios_are_drawn_and_averaged_as_ratios() -> None:
    """Half of the draws of a logarithmic constant lie below the geometric middle, and the mean is geometric."""
    rng = np.random.default_rng(0)
    drawn = [WIDE.draw(rng)["ratio"] for _ in range(2000)]
    assert np.mean(np.array(drawn) < 1.0) == pytest.approx(0.5, abs=0.05)
    mean = WIDE.mean([{"plain": 0.0, "ratio": 0.01}, {"plain": 1.0, "ratio": 1.0}])
    assert mean == {"plain": pytest.approx(0.5), "ratio": pytest.approx(0.1)}


def test_a_search_ends_near_the_least_cost() -> None:
    """Of a cost with one least value, the mean of the best is nearer to it than the first draws' best."""
    rng = np.random.default_rng(1)

    def cost(constants: Constants) -> float:
        return (constants["plain"] - 1.0) ** 2 + math.log(constants["ratio"] / 5.0) ** 2

    tried = [(cost(drawn), drawn) for drawn in (WIDE.draw(rng) for _ in range(50))]
    first = min(each for each, _ in tried)
    for _ in range(300):
        near = WIDE.near_best(rng, tried)
        tried.append((cost(near), near))
    assert cost(WIDE.mean_of_best(tried)) < first / 3


def test_the_worst_are_never_drawn_near() -> None:
    """Only as many as asked for are drawn near; constants that stay are those of one of them."""
    rng = np.random.default_rng(2)
    few = Ranges(WIDE.bounds, WIDE.logarithmic, spread=0.1, moved=0.0, best=2)
    tried: list[Tried] = [(float(k), {"plain": float(k) / 10, "ratio": 1.0 + k}) for k in range(8)]
    assert {few.near_best(rng, tried)["ratio"] for _ in range(50)} == {1.0, 2.0}
