"""The index finds the nearest template: always when it looks everywhere, mostly when it stops early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from csi_events.multi_bssid.fingerprint.index import Index
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from numpy.typing import NDArray


def templates(random: np.random.Generator, count: int, width: int = 64, states: int = 4) -> NDArray[np.float32]:
    """Return templates that cluster as takes do."""
    centres = random.normal(0.0, 4.0, (states, width))
    return np.asarray(centres[random.integers(0, states, count)] + random.normal(0.0, 1.0, (count, width)), np.float32)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 300), width=st.integers(1, 64), repeated=st.booleans())
def test_the_nearest_is_brute_forces(seed: int, count: int, width: int, *, repeated: bool) -> None:
    """Distance and template are those of a comparison with all; repeated templates are no trouble."""
    random = np.random.default_rng(seed)
    points = templates(random, count, width)
    if repeated:
        points[count // 2 :] = points[0]
    index = Index.of(points)
    queries = [*random.normal(0.0, 4.0, (5, width)).astype(np.float32), points[count // 3]]
    for query in queries:
        brute = np.linalg.norm(points.astype(np.float64) - query, axis=1)
        found = index.nearest(query)
        assert found.distance == pytest.approx(brute.min(), rel=1e-4, abs=1e-4)
        assert brute[found.place] == pytest.approx(brute.min(), rel=1e-4, abs=1e-4)
        assert found.compared <= count + len(index.anchors)


def test_recall_of_an_early_stop() -> None:
    """Of 1000 templates, all groups give recall 1; fewer give less and compare less; four still find 9 of 10."""
    random = np.random.default_rng(6)
    points = templates(random, 1000)
    queries = points[random.integers(0, 1000, 300)] + random.normal(0.0, 0.7, (300, 64)).astype(np.float32)
    truth = [int(np.argmin(np.linalg.norm(points - query, axis=1))) for query in queries]
    index = Index.of(points)
    recall, work = {}, {}
    for groups in (1, 4, 8, None):
        found = [index.nearest(query, groups) for query in queries]
        recall[groups] = np.mean([f.place == t for f, t in zip(found, truth, strict=True)])
        work[groups] = np.mean([f.compared for f in found])
        print(f"\n{groups or 'all'} groups: recall {recall[groups]:.3f}, {work[groups]:.0f} of 1000 compared")  # noqa: T201
    assert recall[None] == 1.0
    assert recall[1] < recall[4] <= recall[8] <= 1.0
    assert work[1] < work[4] < work[None]


@pytest.mark.parametrize("points", [np.zeros((0, 4)), np.zeros(4), np.full((3, 2), np.nan)])
def test_what_cannot_be_indexed_is_refused(points: NDArray[np.float64]) -> None:
    """No template, no rows, or numbers that are not finite."""
    with pytest.raises(ValueError, match="must be finite numbers"):
        Index.of(points.astype(np.float32))
