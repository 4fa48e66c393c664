"""What label names mean."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csiflow.evaluation.labels import MOTION, NEITHER, QUIET, Labelling, answers_to, runs
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("empty", QUIET), ("No activity", QUIET), ("seated_rx", QUIET), ("baseline", QUIET),
        ("walking", MOTION), ("standing_up_tx", MOTION), ("fall", MOTION),
        ("settling", NEITHER), ("mixed-activity", NEITHER), ("unlabelled", NEITHER),
    ],
)  # fmt: skip
def test_names_alone(name: str, meaning: int) -> None:
    """Without a manifest or an option, the listed quiet words are quiet, some are not judged, the rest is motion."""
    assert Labelling().meaning(name, None) == meaning


def test_an_option_goes_before_a_manifest_and_that_before_words() -> None:
    """The user is heard first, then who made the recording; what a manifest does not name is not judged."""
    entry = {"quiet_labels": ["walking"], "motion_labels": ["empty"]}
    assert Labelling().meaning("walking", entry) == QUIET
    assert Labelling().meaning("empty", entry) == MOTION
    assert Labelling().meaning("fall", entry) == NEITHER
    assert Labelling(motion=frozenset({"walking"})).meaning("Walking", entry) == MOTION
    assert Labelling(quiet=frozenset({"fall"})).meaning("fall", entry) == QUIET


@pytest.mark.parametrize(
    ("signature", "name", "right"),
    [
        ("Standing up", "standing_up", True),
        ("standing-up", "standing_up_rx", True),
        ("standing_up_tx", "standing_up_rx", False),
        ("standing_up_tx", "standing_up_tx", True),
        ("stand*", "standing_up_rx", True),
        ("walk", "walking", False),
        ("sit", "sit_down", False),
    ],
)
def test_which_signature_is_right(signature: str, name: str, right: bool) -> None:  # noqa: FBT001 - a table's column
    """Case, spaces and hyphens do not matter, a side only where the signature names one, a star stands for any end."""
    assert answers_to(signature, name) is right


@given(st.lists(st.integers(0, 2)))
def test_runs_put_the_values_together_again(values: list[int]) -> None:
    """Runs are not empty, of one value each, follow each other and differ from their neighbours."""
    array = np.array(values, np.int64)
    found = runs(array)
    assert [v for first, stop in found for v in [array[first]] * (stop - first)] == values
    assert all(array[a[0]] != array[b[0]] for a, b in pairwise(found))
